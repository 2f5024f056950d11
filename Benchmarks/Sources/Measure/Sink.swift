// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// Where results go, so that the optimiser keeps the work that made them.
package final class Sink: @unchecked Sendable {  // SAFETY: every row uses its sink from one thread.
    @exclusivity(unchecked) package var sum = 0
    package init() {}
}
