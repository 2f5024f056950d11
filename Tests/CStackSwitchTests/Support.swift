// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CStackSwitch
import RuntimeProbe
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Runs `body` on a thread of its own, attached as a carrier, and waits for it. A test function runs inside a task;
/// a hub's thread does not.
func onCarrier(_ body: () -> Void) {
    withoutActuallyEscaping(body) { body in
        final class Box {
            let body: () -> Void
            init(_ body: @escaping () -> Void) { self.body = body }
        }
        // SAFETY: the reference outlives the thread, which is joined below.
        let box = unsafe Unmanaged.passRetained(Box { withCarrier(body) })
        defer { unsafe box.release() }
        #if canImport(Darwin)
        var thread: pthread_t?
        #else
        var thread = pthread_t()
        #endif
        let error = unsafe pthread_create(
            &thread,
            nil,
            { argument in
                #if canImport(Darwin)
                let argument: UnsafeMutableRawPointer? = argument
                #endif
                // SAFETY: see above.
                unsafe Unmanaged<Box>.fromOpaque(argument!).takeUnretainedValue().body()
                return nil
            },
            box.toOpaque()
        )
        precondition(error == 0, "no thread")
        #if canImport(Darwin)
        unsafe pthread_join(thread!, nil)
        #else
        pthread_join(thread, nil)
        #endif
    }
}

/// Whether contexts are stacks here, not threads.
var hasStacks: Bool { sy_engine_get() == SY_ENGINE_ASSEMBLY }
let needsStacks: Comment = "with the thread-backed engine there are no stacks of ours"

/// Whether this process runs under ThreadSanitizer or AddressSanitizer: their own handlers come before ours.
var isSanitized: Bool {
    sy_stack_default_size() > 256 * 1024
}

func set(_ variable: String, _ value: String) {
    unsafe setenv(variable, value, 1)
}

/// Names a stack for good.
func name(_ stack: Stack, _ name: String) {
    unsafe stack.pointer.pointee.name = UnsafePointer(strdup(name)!)
}

/// Makes a fault end the process with status 7, as a crash reporter's handler would end it in its own way.
func exitWithSevenOnFault() {
    var action = sigaction()
    #if canImport(Darwin)
    unsafe action.__sigaction_u.__sa_handler = { _ in _exit(7) }
    #else
    unsafe action.__sigaction_handler.sa_handler = { _ in _exit(7) }
    #endif
    action.sa_flags = SA_ONSTACK
    for signal in [SIGSEGV, SIGBUS] { unsafe sigaction(signal, &action, nil) }
}

/// What an exit test's process wrote to standard error.
func standardError(_ result: ExitTest.Result?) -> String {
    String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
}

/// `SWITCHYARD_RUNTIME_STATE` makes this process do without the runtime's words: what they are for cannot be proved in it.
let isStateForced = unsafe String(cString: sy_runtime_description()).contains("(forced: ")

/// Whether exclusive accesses follow a stack, by their word or by calls.
let movesAccesses =
    sy_runtime_get_capabilities() & (SY_RUNTIME_ACCESSES.rawValue | SY_RUNTIME_ACCESSES_BY_CALL.rawValue) != 0
