/* DescribeUserScramCredentials (key 50, KIP-554): nobody has any; kafka-configs asks when it
 * describes users. */
#include "log/base/error.h"
#include "log/server/api.h"

/* A user that is named twice is an error of that user, told once, as in Kafka. */
void api_describe_user_scram_credentials(struct request *request)
{
    const struct describe_user_scram_credentials_request *asked =
        request_message(request, describe_user_scram_credentials_request);
    struct describe_user_scram_credentials_response response = {0};
    int32_t count = asked->users.count < 0 ? 0 : asked->users.count;
    struct map seen;
    map_init(&seen);
    response.results.items =
        arena_array(&request->arena, struct describe_user_scram_credentials_response_result, count);
    for (int32_t i = 0; i < count; i++) {
        struct bytes name = asked->users.items[i].name;
        struct describe_user_scram_credentials_response_result *result = map_find(&seen, name);
        if (result != NULL) {
            result->error_code = error_code(ERROR_DUPLICATE_RESOURCE);
            result->error_message = BYTES_LITERAL("The user stands in the request twice");
            continue;
        }
        result = &response.results.items[response.results.count++];
        *result = (struct describe_user_scram_credentials_response_result){
            .user = name,
            .error_code = error_code(ERROR_RESOURCE_NOT_FOUND),
            .error_message = BYTES_LITERAL("This user has no SCRAM credentials")};
        map_put(&seen, name, result);
    }
    map_fini(&seen, NULL);
    request_answer(request, &response);
}
