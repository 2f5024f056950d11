// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// A greenlet that is killed and goes on: what is known of it, and who is told.
extension AnyGreenlet {
    /// On the hub's thread: a kill has come.
    final func noteKill() {
        guard unsafe state == .started, notes?.kill == nil else { return }
        writtenNotes.kill = GreenletNotes.Kill(came: loop.now)
    }

    /// On the greenlet's stack: a kill is being thrown, or did not end the wait after all.
    final func noteThrownKill(isTakenBack: Bool = false) {
        guard var kill = notes?.kill else { return }
        kill.thrownCount += isTakenBack ? -1 : 1
        if kill.firstThrown == nil { kill.firstThrown = loop.now }
        if kill.thrownCount == 0 { kill.firstThrown = nil }
        notes?.kill = kill
        let hub = hub
        hub.hasThrownKills = true
        // The task that hosts a portal stays cancelled: it is told at each wait, which says nothing of the one before.
        if isTakenBack || kill.thrownCount != 2 || isHosted { return }
        // When this runs the greenlet has left its stack, for good or to wait again.
        hub.send { [self] in reportSwallowedKill { "and waits again after a second kill was thrown" } }
    }

    /// On the hub's thread: tells once that the greenlet lives, if a kill was thrown into it.
    final func reportSwallowedKill(_ how: () -> String) {
        guard unsafe state == .started, let kill = notes?.kill, kill.thrownCount > 0, !kill.isReported else { return }
        notes?.kill?.isReported = true
        Reporter.report(.message("\(_summary) was killed, \(how()). \(Self.adviceOnKills)"))
    }

    /// Somebody's wait for its end has run out of time. From any thread.
    final func reportIfKillIsSwallowed(after limit: Duration) {
        if isDead { return }
        unsafe scheduler.pointee.act { [self] in
            reportSwallowedKill { "and lives on; a wait of \(limit) for its end was in vain" }
        }
    }

    /// The same after a kill by who waited.
    final func reportIfAlive(after limit: Duration) {
        Reporter.report(.message("\(_summary) was killed, and lives \(limit) later. \(Self.adviceOnKills)"))
    }

    static var adviceOnKills: String {
        "It has swallowed the error, or its clean-up takes long: rethrow GreenletExit where everything is caught, or allow more"
            + " time."
    }
}

extension Hub {
    /// On the hub's thread: tells of greenlets that have lived for so long since a kill was thrown into them.
    ///
    /// - Complexity: O(greenlets) if some kill was thrown and not all who got one have ended; else O(1).
    func reportSurvivors(_ limit: Duration) {
        guard hasThrownKills else { return }
        hasThrownKills = false
        let now = unsafe loop.now
        for greenlet in unsafe live.all {
            guard let kill = greenlet.notes?.kill, let thrown = kill.firstThrown, !kill.isReported else { continue }
            let age = thrown.duration(to: now)
            if age < limit {
                hasThrownKills = true
            } else {
                greenlet.reportSwallowedKill { "and lives \(age.forPeople) after the error was thrown" }
            }
        }
    }
}

extension Duration {
    /// `250 ms`, `3.2 s`.
    var forPeople: String {
        let nanoseconds = _nanoseconds
        if nanoseconds < 1_000_000_000 { return "\(nanoseconds / 1_000_000) ms" }
        let tenths = nanoseconds / 100_000_000
        return "\(tenths / 10).\(tenths % 10) s"
    }
}
