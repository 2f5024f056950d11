// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
//
// Proves on this toolchain, in this configuration, what the stack switch assumes about the Swift runtime.
//
//     swift run RuntimeProbe [schedules] [first seed]

import CStackSwitch
import ConversionTesting
import Futures
import Loops

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

@main
struct RuntimeProbe {
    static func main() async {
        let arguments = CommandLine.arguments.dropFirst().compactMap { UInt64($0) }
        let results = Results(
            schedules: arguments.first ?? 2_000,
            firstSeed: arguments.dropFirst().first ?? 0
        )
        unsafe print(String(cString: sy_runtime_description()))
        do {
            // The main thread has to run the main actor.
            try await onThread("probe") { withCarrier { checkStacks(results) } }
            try await checkCallers(results)
        } catch {
            results.report("the probe itself", ["\(error)"])
        }
        let live = sy_stack_get_statistics().live
        results.report("every stack was given back", live == 0 ? [] : ["\(live) are left"])
        exit(results.conclude() ? 0 : 1)
    }

    /// What one carrier thread does.
    private static func checkStacks(_ results: Results) {
        let capabilities = sy_runtime_get_capabilities()
        func has(_ flags: sy_runtime_capabilities...) -> Bool {
            flags.contains { capabilities & $0.rawValue != 0 }
        }
        results.report("no current task on a plain stack", PlainStacks.noTask())
        if has(SY_RUNTIME_ACCESSES, SY_RUNTIME_ACCESSES_BY_CALL) {
            results.report("exclusive accesses across switches", PlainStacks.accesses())
        } else {
            results.skip("exclusive accesses across switches")
        }
        if has(SY_RUNTIME_LOCALS) {
            results.report("task-locals of plain stacks", PlainStacks.taskLocals())
        } else {
            results.skip("task-locals of plain stacks")
        }
        for shape in PortalStress.Shape.allCases {
            // Without the words jobs must not interleave; a portal never makes them, and finds its host's words where
            // they are, as long as its stack is on its host's thread.
            let interleaves = shape == .jobsOnStacks || sy_engine_get() == SY_ENGINE_THREADS
            if interleaves, !has(SY_RUNTIME_TASK) {
                results.skip(shape.rawValue)
                continue
            }
            results.stress(shape.rawValue) { PortalStress.run(shape, seed: $0) }
        }
        results.stress("Greenlet.run, Greenlet.await and greenlets of the hub") { ShippedPortals.run(seed: $0) }
    }

    /// What tasks of all kinds do on loops with threads of their own.
    private static func checkCallers(_ results: Results) async throws {
        let loops = [try IOLoop.onOwnThread(name: "first"), try IOLoop.onOwnThread(name: "second")]
        await results.stress("portals in portals, from actors, the main actor, the pool and loops") { seed in
            await ShippedCallers.run(seed: seed, loops: loops)
        }
        for loop in loops {
            loop.stop()
            try await loop.stopped.value
        }
    }
}
