// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

// The least an evhttp server can do: what our server, on the same library, may at most add to.
// Usage: evhttp-hello PORT; prints "ready" once it listens on 127.0.0.1.

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static void hello(struct evhttp_request *request, void *context) {
    (void)context;
    struct evbuffer *body = evbuffer_new();
    evbuffer_add(body, "Hello, world!\n", 14);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "text/plain");
    evhttp_send_reply(request, HTTP_OK, "OK", body);
    evbuffer_free(body);
}

int main(int argc, char **argv) {
    if (argc != 2) return fprintf(stderr, "usage: evhttp-hello PORT\n"), 2;
    signal(SIGPIPE, SIG_IGN);
    struct event_base *base = event_base_new();
    struct evhttp *server = evhttp_new(base);
    evhttp_set_gencb(server, hello, NULL);
    if (evhttp_bind_socket(server, "127.0.0.1", (unsigned short)atoi(argv[1])) != 0) {
        return fprintf(stderr, "cannot listen on port %s\n", argv[1]), 1;
    }
    puts("ready");
    fflush(stdout);
    return event_base_dispatch(base) == 0 ? 0 : 1;
}
