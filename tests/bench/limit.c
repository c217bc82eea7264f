/* What the kernel alone takes for a broker's two ways, so that nobody is measured against less:
 *
 *     limit send FILE      CPU seconds per GB of sending a cached file to a client on this machine,
 *                          by sendfile, which copies nothing
 *     limit receive FILE   CPU seconds per GB of receiving from a client on this machine and
 *                          writing to the end of a file, in pieces of 16 KiB, nothing synced
 *
 * The other end is a process of its own and is not counted. FILE is made and removed. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FILE_SIZE = 256 << 20, ROUNDS = 4, PIECE_SIZE = 64 << 10, BATCH_SIZE = 16 << 10 };

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* A connected pair over loopback: the other end runs `other` in a child, ours is returned. */
static int connect_to(void (*other)(int stream))
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 ||
        listen(listener, 1) != 0 || getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        fail("listen");
    pid_t child = fork();
    if (child < 0)
        fail("fork");
    if (child == 0) {
        int stream = socket(AF_INET, SOCK_STREAM, 0);
        if (stream < 0 || connect(stream, (struct sockaddr *)&address, size) != 0)
            fail("connect");
        other(stream);
        exit(0);
    }
    int stream = accept(listener, NULL, NULL);
    if (stream < 0)
        fail("accept");
    close(listener);
    return stream;
}

static void swallow(int stream)
{
    static char piece[1 << 20];
    while (read(stream, piece, sizeof piece) > 0)
        ;
}

static void pour(int stream)
{
    static char piece[PIECE_SIZE];
    memset(piece, 'x', sizeof piece);
    for (long left = (long)FILE_SIZE * ROUNDS; left > 0; left -= (long)sizeof piece)
        if (write(stream, piece, sizeof piece) != (ssize_t)sizeof piece)
            fail("write");
}

/* The file is in the page cache afterwards. */
static void fill(int file)
{
    static char piece[1 << 20];
    for (int i = 0; i < FILE_SIZE >> 20; i++)
        if (pwrite(file, piece, sizeof piece, (off_t)i << 20) != (ssize_t)sizeof piece)
            fail("write");
}

static void send_file(int file)
{
    int stream = connect_to(swallow);
    for (int round = 0; round < ROUNDS; round++) {
        off_t place = 0;
        while (place < FILE_SIZE)
            if (sendfile(stream, file, &place, PIECE_SIZE) <= 0)
                fail("sendfile");
    }
    close(stream);
}

static void receive_into(int file)
{
    static char piece[PIECE_SIZE];
    int stream = connect_to(pour);
    off_t place = 0;
    ssize_t size;
    while ((size = read(stream, piece, sizeof piece)) > 0)
        for (ssize_t at = 0; at < size; at += BATCH_SIZE) {
            size_t part = (size_t)(size - at < BATCH_SIZE ? size - at : BATCH_SIZE);
            if (pwrite(file, piece + at, part, place) != (ssize_t)part)
                fail("write");
            place += (off_t)part;
        }
    close(stream);
}

int main(int count, char **words)
{
    if (count != 3 || (strcmp(words[1], "send") && strcmp(words[1], "receive"))) {
        fprintf(stderr, "usage: limit send|receive FILE\n");
        return 2;
    }
    int is_send = !strcmp(words[1], "send");
    int file = open(words[2], O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (file < 0)
        fail(words[2]);
    if (is_send)
        fill(file);
    double start = cpu_seconds();
    (is_send ? send_file : receive_into)(file);
    double seconds = cpu_seconds() - start;
    unlink(words[2]);
    wait(NULL);
    printf("%.6f\n", seconds / ((double)FILE_SIZE * ROUNDS / 1e9));
    return 0;
}
