// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#include "legacy_fetch.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/thread.h>
#include <netdb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SILENCE_SECONDS = 10, LARGEST_BODY = 256 * 1024 * 1024, LARGEST_HEADERS = 64 * 1024 };

struct fetch {
    struct fetch *next;
    struct evhttp_uri *uri;
    legacy_callback callback;
    void *context;
    struct evhttp_connection *connection;
    char error[160];
    int is_done;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct event_base *base;
static struct event *wake;

/// Fetches that wait for the thread, and fetches whose connection may be freed: both newest first.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct fetch *submitted;
static struct fetch *finished;

static atomic_uint in_flight;
static atomic_uint most_in_flight;

static void count_start(void) {
    unsigned now = atomic_fetch_add(&in_flight, 1) + 1;
    unsigned most = atomic_load(&most_in_flight);
    while (now > most && !atomic_compare_exchange_weak(&most_in_flight, &most, now)) {
    }
}

unsigned legacy_most_in_flight(void) { return atomic_exchange(&most_in_flight, atomic_load(&in_flight)); }

/// The one place that calls back.
static void finish(struct fetch *fetch, const struct legacy_reply *reply) {
    if (fetch->is_done) return;
    fetch->is_done = 1;
    atomic_fetch_sub(&in_flight, 1);
    fetch->callback(reply, fetch->context);
    // evhttp still works with the connection that calls us; it is freed from the loop.
    fetch->next = finished;
    finished = fetch;
    event_active(wake, 0, 0);
}

static void fail(struct fetch *fetch, const char *error) {
    struct legacy_reply reply = {.error = error};
    finish(fetch, &reply);
}

/// Called before the reply callback, which then gets no request.
static void on_error(enum evhttp_request_error error, void *context) {
    static const char *const sentences[] = {
        [EVREQ_HTTP_TIMEOUT] = "no answer within 10 seconds",
        [EVREQ_HTTP_EOF] = "the server closed the connection before it had answered",
        [EVREQ_HTTP_INVALID_HEADER] = "the answer is not HTTP",
        [EVREQ_HTTP_BUFFER_ERROR] = "the connection was reset",
        [EVREQ_HTTP_REQUEST_CANCEL] = "the request was cancelled",
        [EVREQ_HTTP_DATA_TOO_LONG] = "the answer is larger than 256 MiB",
    };
    struct fetch *fetch = context;
    if ((size_t)error < sizeof sentences / sizeof *sentences && sentences[error])
        snprintf(fetch->error, sizeof fetch->error, "%s", sentences[error]);
}

static void on_reply(struct evhttp_request *request, void *context) {
    struct fetch *fetch = context;
    int status = request ? evhttp_request_get_response_code(request) : 0;
    if (status == 0) {
        // No request, or one without a status: the connection was never made, if no other error is known.
        fail(fetch, fetch->error[0] ? fetch->error : "cannot connect");
        return;
    }
    struct evbuffer *body = evhttp_request_get_input_buffer(request);
    struct legacy_reply reply = {
        .status = status,
        .reason = evhttp_request_get_response_code_line(request),
        .length = evbuffer_get_length(body),
        .body = evbuffer_pullup(body, -1),
    };
    finish(fetch, &reply);
}

static void begin(struct fetch *fetch) {
    const char *host = evhttp_uri_get_host(fetch->uri);
    int port = evhttp_uri_get_port(fetch->uri);
    const char *path = evhttp_uri_get_path(fetch->uri);
    const char *query = evhttp_uri_get_query(fetch->uri);
    char authority[300], *target = NULL;

    // evhttp puts no brackets around the numeric address of IPv6, and wants none.
    char name[256];
    size_t length = strlen(host);
    int bracketed = length > 2 && host[0] == '[';
    snprintf(name, sizeof name, "%.*s", (int)(bracketed ? length - 2 : length), bracketed ? host + 1 : host);
    snprintf(authority, sizeof authority, port < 0 ? "%s" : "%s:%d", host, port);

    // evhttp reports an unknown name as a connection that was closed.
    struct addrinfo *addresses = NULL;
    if (getaddrinfo(name, NULL, NULL, &addresses) != 0) {
        fail(fetch, "no host of this name is known");
        return;
    }
    freeaddrinfo(addresses);

    size_t size = strlen(path) + (query ? strlen(query) : 0) + 3;
    struct evhttp_request *request = NULL;
    if ((target = malloc(size)) && (request = evhttp_request_new(on_reply, fetch)))
        fetch->connection = evhttp_connection_base_new(base, NULL, name, port < 0 ? 80 : (unsigned short)port);
    if (!fetch->connection) {
        free(target);
        if (request) evhttp_request_free(request);
        fail(fetch, "out of memory");
        return;
    }
    snprintf(target, size, "%s%s%s", *path ? path : "/", query ? "?" : "", query ? query : "");
    evhttp_request_set_error_cb(request, on_error);
    evhttp_connection_set_timeout(fetch->connection, SILENCE_SECONDS);
    evhttp_connection_set_max_body_size(fetch->connection, LARGEST_BODY);
    evhttp_connection_set_max_headers_size(fetch->connection, LARGEST_HEADERS);
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    evhttp_add_header(headers, "Host", authority);
    evhttp_add_header(headers, "Connection", "close");
    // evhttp does not say whether it has called back by the time it reports a failure.
    if (evhttp_make_request(fetch->connection, request, EVHTTP_REQ_GET, target) != 0) fail(fetch, "cannot connect");
    free(target);
}

static void on_wake(evutil_socket_t descriptor, short what, void *unused) {
    (void)descriptor, (void)what, (void)unused;
    while (finished) {
        struct fetch *fetch = finished;
        finished = fetch->next;
        if (fetch->connection) evhttp_connection_free(fetch->connection);
        evhttp_uri_free(fetch->uri);
        free(fetch);
    }
    pthread_mutex_lock(&lock);
    struct fetch *newest = submitted, *oldest = NULL;
    submitted = NULL;
    pthread_mutex_unlock(&lock);
    while (newest) {
        struct fetch *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct fetch *fetch = oldest;
        oldest = fetch->next;
        begin(fetch);
    }
}

static void *run(void *unused) {
    event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
    return unused;
}

static void start(void) {
    pthread_t thread;
    if (evthread_use_pthreads() != 0 || !(base = event_base_new())) return;
    wake = event_new(base, -1, EV_PERSIST, on_wake, NULL);
    if (!wake || pthread_create(&thread, NULL, run, NULL) != 0) {
        if (wake) event_free(wake);
        wake = NULL;
        return;
    }
    pthread_detach(thread);
}

enum legacy_status legacy_get(const char *url, legacy_callback callback, void *context) {
    struct evhttp_uri *uri = evhttp_uri_parse(url);
    const char *scheme = uri ? evhttp_uri_get_scheme(uri) : NULL;
    const char *host = uri ? evhttp_uri_get_host(uri) : NULL;
    int port = uri ? evhttp_uri_get_port(uri) : 0;
    enum legacy_status status = LEGACY_OK;
    if (!scheme || !host || !*host || strlen(host) > 250 || port == 0 || port > 65535) {
        status = LEGACY_BAD_URL;
    } else if (strcasecmp(scheme, "http") != 0) {
        status = LEGACY_NOT_HTTP;
    } else {
        pthread_once(&once, start);
        if (!wake) status = LEGACY_NO_THREAD;
    }
    struct fetch *fetch = status == LEGACY_OK ? calloc(1, sizeof *fetch) : NULL;
    if (!fetch) {
        if (uri) evhttp_uri_free(uri);
        return status == LEGACY_OK ? LEGACY_NO_MEMORY : status;
    }
    fetch->uri = uri;
    fetch->callback = callback;
    fetch->context = context;
    count_start();
    pthread_mutex_lock(&lock);
    fetch->next = submitted;
    submitted = fetch;
    pthread_mutex_unlock(&lock);
    event_active(wake, 0, 0);
    return LEGACY_OK;
}
