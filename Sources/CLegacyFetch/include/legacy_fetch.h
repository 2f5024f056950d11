// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

// A callback API as C programs have them: one function, a callback, a context. It knows nothing of Switchyard; the tour
// shows how little it takes to use it in every style.

#ifndef LEGACY_FETCH_H
#define LEGACY_FETCH_H

#include <stddef.h>

/// What became of a request. Valid during the callback only.
struct legacy_reply {
    /// Null if there is a reply; else one sentence.
    const char *error;
    /// The HTTP status and its phrase.
    int status;
    const char *reason;
    const unsigned char *body;
    size_t length;
};

typedef void (*legacy_callback)(const struct legacy_reply *reply, void *context);

/// Why a request was not even begun.
enum legacy_status { LEGACY_OK = 0, LEGACY_BAD_URL, LEGACY_NOT_HTTP, LEGACY_NO_THREAD, LEGACY_NO_MEMORY };

/// Fetches a URL over plain HTTP. If the result is LEGACY_OK, the callback is called exactly once, on a thread of this
/// library, after at most ten seconds of silence of the peer. With any other result it is never called.
enum legacy_status legacy_get(const char *url, legacy_callback callback, void *context);

/// The most requests that were in flight at once since the last call of this function.
unsigned legacy_most_in_flight(void);

#endif
