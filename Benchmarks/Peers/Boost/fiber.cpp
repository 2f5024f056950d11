// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

// Boost.Fiber with its default round-robin scheduler on one thread, and with pooled stacks, as ours are.

#include "measure.hpp"
#include <boost/fiber/all.hpp>
#include <memory>

using namespace boost::fibers;

// Two fibers hand the processor to each other, as our two greenlets do.
static void yield(long count) {
    auto body = [count] {
        for (long n = 0; n < count / 2; n++) boost::this_fiber::yield();
    };
    fiber first(body), second(body);
    first.join();
    second.join();
}

static void spawn_join(long count) {
    static pooled_fixedsize_stack stacks;
    for (long n = 0; n < count; n++) fiber(std::allocator_arg, stacks, [] {}).join();
}

// One fiber makes a promise and waits on its future, the other fulfils it.
static void promise_future(long count) {
    std::unique_ptr<promise<long>> pending;
    fiber consumer([&] {
        for (long n = 0; n < count; n++) {
            pending = std::make_unique<promise<long>>();
            future<long> result = pending->get_future();
            result.get();
        }
    });
    fiber producer([&] {
        for (long n = 0; n < count; n++) {
            while (!pending) boost::this_fiber::yield();
            auto taken = std::move(pending);
            taken->set_value(n);
        }
    });
    consumer.join();
    producer.join();
}

// The same with a fiber of its own for every promise: what a caller who forks a piece of work and waits for it pays.
static void spawn_promise(long count) {
    static pooled_fixedsize_stack stacks;
    for (long n = 0; n < count; n++) {
        promise<long> outcome;
        future<long> result = outcome.get_future();
        fiber worker(std::allocator_arg, stacks, [&] { outcome.set_value(n); });
        result.get();
        worker.join();
    }
}

int main(int argc, char **argv) {
    static const Row rows[] = {
        {"yield", yield},
        {"spawn-join", spawn_join},
        {"promise-future", promise_future},
        {"spawn-promise", spawn_promise},
    };
    return measure(rows, argc, argv);
}
