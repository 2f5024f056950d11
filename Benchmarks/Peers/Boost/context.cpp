// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

// Boost.Context's bare switch, below every abstraction: the cost of one jump_fcontext.

#include "measure.hpp"
#include <boost/context/detail/fcontext.hpp>
#include <boost/context/fixedsize_stack.hpp>

using namespace boost::context;

static void echo(detail::transfer_t from) {
    for (;;) from = detail::jump_fcontext(from.fctx, from.data);
}

static void jump(long count) {
    fixedsize_stack allocator(64 * 1024);
    stack_context stack = allocator.allocate();
    detail::transfer_t other = {detail::make_fcontext(stack.sp, stack.size, echo), nullptr};
    for (long n = 0; n < count / 2; n++) other = detail::jump_fcontext(other.fctx, nullptr);
    allocator.deallocate(stack);
}

int main(int argc, char **argv) {
    static const Row rows[] = {{"jump", jump}};
    return measure(rows, argc, argv);
}
