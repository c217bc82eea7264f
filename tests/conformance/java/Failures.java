import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.streams.errors.ErrorHandlerContext;
import org.apache.kafka.streams.errors.ProcessingExceptionHandler;
import org.apache.kafka.streams.processor.api.Record;

/** Notes what failed and goes on; Kafka Streams makes one by the name of its class. */
public final class Failures implements ProcessingExceptionHandler {
    private static final List<String> NOTED = new ArrayList<>();

    @Override
    public void configure(Map<String, ?> settings) {
    }

    @Override
    public Response handleError(ErrorHandlerContext context, Record<?, ?> record,
                                Exception problem) {
        NOTED.add(problem.getClass().getSimpleName());
        return Response.resume();
    }

    /** What failed since the last call. */
    static List<String> take() {
        List<String> taken = List.copyOf(NOTED);
        NOTED.clear();
        return taken;
    }
}
