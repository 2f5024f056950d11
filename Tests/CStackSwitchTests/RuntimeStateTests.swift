// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch
import RuntimeProbe
import Testing

@Suite("The Swift runtime's per-thread state") struct RuntimeStateTests {
    @Test("Every word is found on this toolchain", .enabled(if: !isStateForced)) func found() {
        let all = [SY_RUNTIME_PRESENT, SY_RUNTIME_TASK, SY_RUNTIME_TRACKING, SY_RUNTIME_LOCALS, SY_RUNTIME_ACCESSES]
        for flag in all {
            let description = unsafe String(cString: sy_runtime_description())
            #expect(sy_runtime_get_capabilities() & flag.rawValue != 0, "\(description)")
        }
    }

    @Test("The words hold what a job must have", .enabled(if: !isStateForced)) func verified() async {
        let holds = await Task.detached { sy_runtime_verify_in_job() }.value
        #expect(holds)
    }

    @Test(
        "H2: an access held across a switch neither traps others nor leaves a record behind",
        .enabled(if: movesAccesses)
    )
    func accesses() {
        onCarrier { #expect(PlainStacks.accesses().isEmpty) }
    }

    @Test("H2: the same through the runtime's exported functions") func accessesByCall() async {
        await #expect(processExitsWith: .success) {
            set("SWITCHYARD_RUNTIME_STATE", "fallback")
            onCarrier {
                precondition(sy_runtime_get_capabilities() & SY_RUNTIME_ACCESSES_BY_CALL.rawValue != 0)
                precondition(PlainStacks.accesses().isEmpty)
            }
        }
    }

    @Test("H2: a real overlap on one stack is still caught") func overlap() async {
        await #expect(processExitsWith: .failure) {
            onCarrier {
                let pair = Pair()
                func hold(_ value: inout Int, _ stack: Stack) {
                    stack.park()
                    pair.first += value
                }
                let stack = Stack { hold(&pair.first, $0) }
                stack.enter()
                stack.enter()
            }
        }
    }

    @Test("H2: a stack given up inside an access leaves no record in the list", .enabled(if: movesAccesses))
    func abandonedAccess() async {
        await #expect(processExitsWith: .success) {
            onCarrier {
                let pair = Pair()
                func hold(_ value: inout Int, _ stack: Stack) { stack.park() }
                let stack = Stack { hold(&pair.first, $0) }
                stack.enter()
                unsafe sy_context_abandon(stack.pointer)
                // SAFETY: the wrapper would destroy it.
                _ = unsafe Unmanaged.passRetained(stack)
                for _ in 0..<100 {
                    pair.first += 1
                    pair.second += 1
                }
            }
        }
    }

    @Test("H3: task-locals of stacks outside a task do not reach one another", .enabled(if: !isStateForced))
    func taskLocals() {
        onCarrier { #expect(PlainStacks.taskLocals().isEmpty) }
    }

    @Test("H4: a stack has no current task, whatever its creator has", .enabled(if: !isStateForced))
    func noTask() async {
        let wrong = await Task.detached {
            withCarrier { PlainStacks.noTask() + (currentTask() == 0 ? ["the creator lost its task"] : []) }
        }.value
        #expect(wrong.isEmpty)
    }

    @Test("H4: what a job leaves on its thread can be put aside and back", .enabled(if: !isStateForced))
    func clearTask() async {
        let right = await Task.detached {
            withCarrier {
                let task = currentTask()
                let words = unsafe sy_runtime_clear_task()
                let cleared = currentTask() == 0
                unsafe sy_runtime_restore_words(words)
                return task != 0 && cleared && currentTask() == task
            }
        }.value
        #expect(right)
    }

    @Test(
        "H3, H4: parked jobs and fresh ones in any order keep task and task-locals",
        .enabled(if: !isStateForced),
        arguments: PortalStress.Shape.allCases
    )
    func schedules(_ shape: PortalStress.Shape) {
        onCarrier {
            for seed in 0..<UInt64(100) {
                let findings = PortalStress.run(shape, seed: seed)
                #expect(findings.parks == 12)
                #expect(findings.wrong.isEmpty, "seed \(seed)")
            }
        }
    }
}
