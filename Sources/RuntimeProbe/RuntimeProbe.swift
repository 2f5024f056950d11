// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
//
// Proves on this toolchain, in this configuration, what the stack switch assumes about the Swift runtime.
//
//     swift run RuntimeProbe [schedules] [first seed]

import CStackSwitch

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

@main
struct RuntimeProbe {
    static func main() {
        let arguments = CommandLine.arguments.dropFirst().compactMap { UInt64($0) }
        let schedules = arguments.first ?? 2_000
        let firstSeed = arguments.dropFirst().first ?? 0
        let holds = withCarrier { check(schedules: schedules, firstSeed: firstSeed) }
        let skipped = unsafe skipped
        print(holds ? "all right\(skipped == 0 ? "" : ", \(skipped) skipped")" : "WRONG")
        exit(holds ? 0 : 1)
    }

    /// What could not be looked at, each with its reason printed.
    nonisolated(unsafe) private static var skipped = 0  // SAFETY: one thread runs the probe.

    static func check(schedules: UInt64, firstSeed: UInt64) -> Bool {
        unsafe print(String(cString: sy_runtime_description()))
        let capabilities = sy_runtime_get_capabilities()
        var holds = true
        func report(_ name: String, _ wrong: [String]) {
            print("\(wrong.isEmpty ? "ok  " : "FAIL") \(name)")
            for line in wrong.prefix(5) { print("       \(line)") }
            if !wrong.isEmpty { holds = false }
        }
        func stress(_ name: String, _ run: (UInt64) -> Findings) {
            var parks = 0
            var wrong: [String] = []
            for seed in firstSeed..<(firstSeed + schedules) {
                let findings = run(seed)
                parks += findings.parks
                wrong += findings.wrong.map { "seed \(seed): \($0)" }
            }
            report("\(schedules) schedules, \(parks) parks, \(name)", wrong)
        }
        func has(_ flags: sy_runtime_capabilities...) -> Bool {
            flags.contains { capabilities & $0.rawValue != 0 }
        }
        func skip(_ name: String) {
            print("skip \(name): the runtime's words were not found")
            unsafe skipped += 1
        }

        report("no current task on a plain stack", PlainStacks.noTask())
        if has(SY_RUNTIME_ACCESSES, SY_RUNTIME_ACCESSES_BY_CALL) {
            report("exclusive accesses across switches", PlainStacks.accesses())
        } else {
            skip("exclusive accesses across switches")
        }
        if has(SY_RUNTIME_LOCALS) {
            report("task-locals of plain stacks", PlainStacks.taskLocals())
        } else {
            skip("task-locals of plain stacks")
        }
        for shape in PortalStress.Shape.allCases {
            // Without the words jobs must not interleave; a portal never makes them, and finds its host's words where
            // they are, as long as its stack is on its host's thread.
            let interleaves = shape == .jobsOnStacks || sy_engine_get() == SY_ENGINE_THREADS
            if interleaves, !has(SY_RUNTIME_TASK) {
                skip(shape.rawValue)
                continue
            }
            stress(shape.rawValue) { PortalStress.run(shape, seed: $0) }
        }
        stress("Greenlet.run, Greenlet.await and greenlets of the hub") { ShippedPortals.run(seed: $0) }
        let live = sy_stack_get_statistics().live
        report("every stack was given back", live == 0 ? [] : ["\(live) are left"])
        return holds
    }
}
