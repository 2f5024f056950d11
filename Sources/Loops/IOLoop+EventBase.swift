// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

extension IOLoop {
    /// libevent's base, for the parts of Switchyard that stand on libevent's own protocols. On the loop's thread only.
    ///
    /// Their events must be freed before the loop has stopped (`whenClosed`), and their callbacks must not run user code:
    /// they are inside the poll. They may post.
    package var eventBase: OpaquePointer {
        precondition(isCurrent, "switchyard: the event base of loop \"\(name)\" was asked for off the loop")
        return poller.base
    }
}
