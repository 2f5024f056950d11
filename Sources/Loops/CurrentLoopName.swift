// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// The calling thread, for messages.
package enum CurrentLoopName {
    package static var text: String {
        CurrentLoop.current.map { "loop \"\($0.name)\"" } ?? "a thread that runs no loop"
    }
}
