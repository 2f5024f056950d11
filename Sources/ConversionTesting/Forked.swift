// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc

/// Runs the body in a forked child.
///
/// - Returns: What the body returned; 1 if the child did not end by itself, or not in time.
package func forked(_ body: () -> Int32) -> Int32 {
    let child = fork()
    if child == 0 { _exit(body()) }
    var status: Int32 = 0
    guard blockUntil(within: .seconds(120), { unsafe waitpid(child, &status, WNOHANG) != 0 }) else {
        kill(child, SIGKILL)
        return 1
    }
    return status & 0x7f == 0 ? status >> 8 : 1
}
#endif
