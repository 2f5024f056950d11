// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch
import Futures

enum Local {
    @TaskLocal static var name = "none"
}

/// What one schedule saw.
package struct Findings: Sendable {
    package internal(set) var parks = 0
    package internal(set) var wrong: [String] = []
}

/// The table that the probe prints, a line for each check.
final class Results: Sendable {
    let schedules: UInt64
    let firstSeed: UInt64
    private let counts = Lock((wrong: 0, skipped: 0))

    init(schedules: UInt64, firstSeed: UInt64) {
        self.schedules = schedules
        self.firstSeed = firstSeed
    }

    func report(_ name: String, _ wrong: [String]) {
        print("\(wrong.isEmpty ? "ok  " : "FAIL") \(name)")
        for line in wrong.prefix(5) { print("       \(line)") }
        if !wrong.isEmpty { counts.withLock { $0.wrong += 1 } }
    }

    /// A check that cannot be made here.
    func skip(_ name: String) {
        print("skip \(name): the runtime's words were not found")
        counts.withLock { $0.skipped += 1 }
    }

    func stress(_ name: String, _ run: (UInt64) -> Findings) {
        var all = Findings()
        for seed in firstSeed..<(firstSeed + schedules) { add(run(seed), of: seed, to: &all) }
        report("\(schedules) schedules, \(all.parks) parks, \(name)", all.wrong)
    }

    func stress(_ name: String, _ run: (UInt64) async -> Findings) async {
        var all = Findings()
        for seed in firstSeed..<(firstSeed + schedules) { add(await run(seed), of: seed, to: &all) }
        report("\(schedules) schedules, \(all.parks) parks, \(name)", all.wrong)
    }

    private func add(_ findings: Findings, of seed: UInt64, to all: inout Findings) {
        all.parks += findings.parks
        all.wrong += findings.wrong.map { "seed \(seed): \($0)" }
    }

    /// The last line.
    func conclude() -> Bool {
        let (wrong, skipped) = counts.withLock { $0 }
        print(wrong == 0 ? "all right\(skipped == 0 ? "" : ", \(skipped) skipped")" : "WRONG")
        return wrong == 0
    }
}
