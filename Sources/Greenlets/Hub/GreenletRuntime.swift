// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CFutures
import CStackSwitch

/// What has to be in place before the first stack is switched.
enum GreenletRuntime {
    /// Once in a process.
    static func start() { _ = started }

    private static let started: Bool = {
        unsafe sy_set_thread_adopt_hook({ unsafe sy_thread_words() }, { unsafe sy_thread_adopt_words($0) })
        unsafe sy_set_carrier_exit_hook {
            unsafe Hub.threadEnds($0)
            unsafe FiberHost.stackEnds(sy_carrier_root($0))
        }
        return true
    }()
}
