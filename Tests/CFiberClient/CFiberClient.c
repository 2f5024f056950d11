// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
#include "CFiberClient.h"

#include <stdint.h>
#include <string.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) { return __LINE__; }                                                                         \
    } while (0)

static void *number(intptr_t value) { return (void *)value; }
static intptr_t value(void *message) { return (intptr_t)message; }

static sy_fiber_result to_parent(void *message) {
    sy_fiber *current = sy_fiber_current();
    sy_fiber *parent = sy_fiber_parent(current);
    // A fiber that holds its own reference across a switch would never be dropped.
    sy_fiber_release(current);
    sy_fiber_result result = sy_fiber_switch(parent, message);
    sy_fiber_release(parent);
    return result;
}

static sy_fiber_result add_one(void *argument, void *message) {
    (void)argument;
    for (;;) {
        sy_fiber_result next = to_parent(number(value(message) + 1));
        if (next.status != SY_FIBER_MESSAGE) { return next; }
        message = next.message;
        if (message == NULL) { return sy_fiber_return(number(-1)); }
    }
}

sy_fiber *c_fiber_adder(void) { return sy_fiber_new("adder", 0, NULL, add_one, NULL, NULL); }

static sy_fiber_result hand_over(void *sibling, void *message) {
    return sy_fiber_switch(sibling, number(value(message) * 10));
}

int c_fiber_messages(void) {
    sy_fiber *main = sy_fiber_current();
    CHECK(sy_fiber_is_main(main) && sy_fiber_is_active(main) && sy_fiber_parent(main) == NULL);
    sy_fiber *adder = c_fiber_adder();
    CHECK(!sy_fiber_is_started(adder) && !sy_fiber_is_active(adder) && !sy_fiber_is_dead(adder) && !sy_fiber_is_main(adder));
    for (intptr_t i = 1; i <= 200; i++) {
        sy_fiber_result result = sy_fiber_switch(adder, number(i));
        CHECK(result.status == SY_FIBER_MESSAGE && value(result.message) == i + 1);
        CHECK(sy_fiber_is_started(adder) && sy_fiber_is_active(adder) && !sy_fiber_is_dead(adder));
    }
    // A sibling is switched to straight; the answer goes to its own parent.
    sy_fiber *sibling = sy_fiber_new("sibling", 64 * 1024, main, hand_over, adder, NULL);
    sy_fiber_result result = sy_fiber_switch(sibling, number(7));
    CHECK(result.status == SY_FIBER_MESSAGE && value(result.message) == 71);
    CHECK(sy_fiber_is_active(sibling));
    result = sy_fiber_switch(sibling, number(5));
    CHECK(result.status == SY_FIBER_MESSAGE && value(result.message) == 5 && sy_fiber_is_dead(sibling));
    result = sy_fiber_switch(adder, NULL);
    CHECK(result.status == SY_FIBER_MESSAGE && value(result.message) == -1);
    CHECK(sy_fiber_is_dead(adder) && !sy_fiber_is_active(adder) && sy_fiber_is_started(adder));
    // What is sent to one that has ended comes back.
    result = sy_fiber_switch(adder, number(3));
    CHECK(result.status == SY_FIBER_MESSAGE && value(result.message) == 3);
    sy_fiber_release(sibling);
    sy_fiber_release(adder);
    sy_fiber_release(main);
    return 0;
}

static sy_fiber_result recover(void *argument, void *message) {
    (void)message;
    sy_fiber_result result = to_parent(number(1));
    *(sy_fiber_result *)argument = result;
    return result.code == 5 ? to_parent(number(2)) : result;
}

static sy_fiber_result fail(void *argument, void *message) {
    (void)argument;
    return sy_fiber_fail((int)value(message));
}

int c_fiber_errors(void) {
    sy_fiber_result seen = {SY_FIBER_MESSAGE, 0, NULL};
    sy_fiber *fiber = sy_fiber_new(NULL, 0, NULL, recover, &seen, NULL);
    CHECK(value(sy_fiber_switch(fiber, NULL).message) == 1);
    // Caught there, and answered.
    sy_fiber_result result = sy_fiber_throw(fiber, 5);
    CHECK(seen.status == SY_FIBER_ERROR && seen.code == 5);
    CHECK(result.status == SY_FIBER_MESSAGE && value(result.message) == 2);
    // Let pass.
    result = sy_fiber_throw(fiber, 6);
    CHECK(result.status == SY_FIBER_ERROR && result.code == 6 && sy_fiber_is_dead(fiber));
    char text[64];
    CHECK(sy_fiber_error_text(text, sizeof text) > 0 && strstr(text, "6") != NULL);
    CHECK(sy_fiber_error_text(text, 5) > 5 && strlen(text) == 4);
    sy_fiber_release(fiber);
    // A kill is an answer that does not come.
    fiber = sy_fiber_new(NULL, 0, NULL, recover, &seen, NULL);
    sy_fiber_switch(fiber, NULL);
    result = sy_fiber_throw(fiber, 0);
    CHECK(seen.status == SY_FIBER_EXIT && result.status == SY_FIBER_NO_ANSWER && sy_fiber_is_dead(fiber));
    sy_fiber_release(fiber);
    fiber = sy_fiber_new(NULL, 0, NULL, fail, NULL, NULL);
    result = sy_fiber_switch(fiber, number(9));
    CHECK(result.status == SY_FIBER_ERROR && result.code == 9);
    sy_fiber_release(fiber);
    return 0;
}

static void count(void *argument) { ++*(int *)argument; }

static sy_fiber_result count_and_stay(void *argument, void *message) {
    (void)argument;
    return to_parent(message);
}

int c_fiber_lifetimes(void) {
    int disposed = 0;
    sy_fiber *fiber = sy_fiber_new("kept", 0, NULL, count_and_stay, &disposed, count);
    CHECK(sy_fiber_retain(fiber) == fiber);
    sy_fiber_switch(fiber, NULL);
    sy_fiber_release(fiber);
    CHECK(disposed == 0 && sy_fiber_is_active(fiber));
    sy_fiber_release(fiber);
    // The last reference has gone: it was killed, and has returned.
    CHECK(disposed == 1);
    fiber = sy_fiber_new("pending", 0, NULL, count_and_stay, &disposed, count);
    sy_fiber_release(fiber);
    CHECK(disposed == 2);
    sy_fiber *parent = c_fiber_adder();
    sy_fiber *child = sy_fiber_new("child", 0, NULL, count_and_stay, &disposed, count);
    CHECK(sy_fiber_set_parent(child, parent));
    sy_fiber *seen = sy_fiber_parent(child);
    CHECK(seen == parent);
    sy_fiber_release(seen);
    CHECK(!sy_fiber_set_parent(parent, child));
    char text[256];
    CHECK(sy_fiber_error_text(text, sizeof text) > 0 && strstr(text, "descendants") != NULL);
    sy_fiber *main = sy_fiber_current();
    CHECK(!sy_fiber_set_parent(main, child));
    sy_fiber_release(main);
    sy_fiber_release(child);
    sy_fiber_release(parent);
    CHECK(disposed == 3);
    sy_fiber_release(NULL);
    return 0;
}

int c_fiber_swift(sy_fiber *fiber) {
    sy_fiber_result result = sy_fiber_switch(fiber, number(41));
    CHECK(result.status == SY_FIBER_MESSAGE && value(result.message) == 42);
    result = sy_fiber_switch(fiber, number(0));
    CHECK(result.status == SY_FIBER_ERROR && result.code == SY_FIBER_SWIFT_ERROR);
    char text[64];
    CHECK(sy_fiber_error_text(text, sizeof text) > 0 && strstr(text, "Oops") != NULL);
    return 0;
}
