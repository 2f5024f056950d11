// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
#include "CxxThrower.h"

#include <exception>
#include <stdexcept>
#include <string>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) { return __LINE__; }                                                                         \
    } while (0)

typedef void (*parking)(void *);

extern "C" int cxx_exceptions_here(void) {
    return std::uncaught_exceptions() + (std::current_exception() != nullptr ? 1 : 0);
}

static int park_in_two(const std::string &name, parking park, void *context) {
    try {
        throw std::runtime_error(name);
    } catch (const std::runtime_error &outer) {
        park(context);
        CHECK(outer.what() == name);
        try {
            throw std::logic_error("inner " + name);
        } catch (const std::logic_error &inner) {
            park(context);
            CHECK(inner.what() == "inner " + name);
            try {
                throw;  // the one that is handled here, not another stack's
            } catch (const std::logic_error &again) {
                CHECK(again.what() == "inner " + name);
            }
        }
        park(context);
        throw;
    }
}

extern "C" int cxx_park_in_catch(int number, parking park, void *context) {
    std::string name = "exception " + std::to_string(number);
    CHECK(cxx_exceptions_here() == 0);
    try {
        int failed = park_in_two(name, park, context);
        return failed != 0 ? failed : __LINE__;
    } catch (const std::exception &error) {
        CHECK(error.what() == name);
        park(context);
        CHECK(error.what() == name);
        try {
            std::rethrow_exception(std::current_exception());
        } catch (const std::exception &again) {
            CHECK(again.what() == name);
        }
    }
    CHECK(cxx_exceptions_here() == 0);
    return 0;
}

struct Parker {
    parking park;
    void *context;
    int *seen;
    ~Parker() {
        *seen = std::uncaught_exceptions();
        park(context);
        *seen += 10 * std::uncaught_exceptions();
    }
};

extern "C" int cxx_park_while_unwinding(int number, parking park, void *context) {
    int seen = -1;
    try {
        Parker parker = {park, context, &seen};
        throw std::runtime_error(std::to_string(number));
    } catch (const std::runtime_error &error) {
        CHECK(error.what() == std::to_string(number));
    }
    CHECK(seen == 11);
    CHECK(cxx_exceptions_here() == 0);
    return 0;
}
