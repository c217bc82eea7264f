/* Socket addresses to text and back; see io_uv_loop.h. */
#include "log/base/error.h"
#include "log/io/io_uv_loop.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void io_uv_address_write(const struct sockaddr_storage *address, char out[IO_ADDRESS_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "?";
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(out, IO_ADDRESS_SIZE, "%s:%u", host, ntohs(v4->sin_port));
        return;
    }
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
        inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], host, sizeof host);
        snprintf(out, IO_ADDRESS_SIZE, "%s:%u", host, ntohs(v6->sin6_port));
        return;
    }
    inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
    snprintf(out, IO_ADDRESS_SIZE, "[%s]:%u", host, ntohs(v6->sin6_port));
}

static bool port_is_valid(const char *port)
{
    int value = 0;
    if (port[0] == 0 || strlen(port) >= IO_UV_PORT_SIZE) {
        return false;
    }
    for (; *port != 0; port++) {
        if (*port < '0' || *port > '9') {
            return false;
        }
        value = value * 10 + (*port - '0');
    }
    return value <= UINT16_MAX;
}

const char *io_uv_address_node(const char *host)
{
    return strcasecmp(host, "localhost") == 0 ? NULL : host;
}

int io_uv_address_split(const char *address, char host[IO_ADDRESS_SIZE], char port[IO_UV_PORT_SIZE])
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || !port_is_valid(colon + 1)) {
        return ERROR_INVALID;
    }
    const char *from = address;
    size_t size = (size_t)(colon - address);
    if (address[0] == '[') {
        if (size < 2 || colon[-1] != ']') {
            return ERROR_INVALID;
        }
        from++;
        size -= 2;
    }
    if (size >= IO_ADDRESS_SIZE) {
        return ERROR_INVALID;
    }
    memcpy(host, from, size);
    host[size] = 0;
    strcpy(port, colon + 1);
    return 0;
}
