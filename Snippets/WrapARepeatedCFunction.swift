// A C callback that is called again and again, until it is removed or destroyed.

import Switchyard

// snippet.hide
typealias TickCallback = @convention(c) (_ tick: Int32, _ context: UnsafeMutableRawPointer?) -> Void
typealias TickDestructor = @convention(c) (_ context: UnsafeMutableRawPointer?) -> Void

/// As C would export it: calls back at every tick, and the destructor, if there is one, at the end.
struct c_clock {
    var callback: TickCallback
    var context: UnsafeMutableRawPointer?
    var destructor: TickDestructor?
}

func c_clock_open(
    _ callback: @escaping TickCallback,
    _ context: UnsafeMutableRawPointer?,
    _ destructor: TickDestructor?
) -> c_clock {
    c_clock(callback: callback, context: context, destructor: destructor)
}

func c_clock_run(_ clock: c_clock, _ ticks: Int32) { for tick in 1...ticks { clock.callback(tick, clock.context) } }
func c_clock_close(_ clock: c_clock) { clock.destructor?(clock.context) }
// snippet.show

// snippet.removed
func untilRemoved(on loop: IOLoop) async throws {
    let third = Promise<Int>()
    let ticks = RepeatingContext<Int>.untilRemoved(on: loop) { tick in  // Swift owns the context
        print("tick \(tick)")
        if tick == 3 { third.succeed(tick) }
    }
    let clock = c_clock_open(
        { tick, context in RepeatingContext<Int>.call(context, with: Int(tick)) },
        ticks.pointer,
        nil
    )
    c_clock_run(clock, 3)
    _ = try await third.future.value
    c_clock_close(clock)  // C first, so that no call comes after the removal: that would be reported
    ticks.remove()
}
// snippet.end

// snippet.destroyed
func untilDestroyed() {
    let ticks = RepeatingContext<Int>.untilDestroyed { tick in print("tick \(tick)") }  // C owns the context
    let clock = c_clock_open(
        { tick, context in RepeatingContext<Int>.call(context, with: Int(tick)) },
        ticks.pointer,
        { context in RepeatingContext<Int>.destroy(context) }  // the end
    )
    c_clock_run(clock, 2)
    ticks.remove()  // Swift has heard enough; C still owns the context, and may call
    c_clock_run(clock, 2)
    c_clock_close(clock)
}
// snippet.end

// snippet.hide
@main
enum WrapARepeatedCFunction {
    static func main() async throws {
        try await untilRemoved(on: .shared)
        untilDestroyed()
    }
}
