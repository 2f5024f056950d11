// What happens many times: an AsyncSequence for handlers and greenlets, and a legacy handler as an AsyncSequence.

// snippet.hide
import Dispatch
import Switchyard

struct LegacySensor: Sendable {
    func start(_ onReading: @escaping @Sendable (Int) -> Void, _ onEnd: @escaping @Sendable () -> Void) {
        DispatchQueue.global().async {
            for reading in 1...3 { onReading(reading) }
            onEnd()
        }
    }
}
// snippet.show

// snippet.handler
/// For callers with a handler: cancelling the subscription cancels the iteration.
func watch(_ numbers: AsyncStream<Int>, on loop: IOLoop, _ handler: @escaping @Sendable (Int?) -> Void) -> Subscription
{
    numbers.events().subscribe(on: loop) { number in
        handler(number)
    } onEnd: { _ in
        handler(nil)
    }
}
// snippet.end

// snippet.blocking
/// For blocking code: the greenlet parks until the next element is there.
func sum(_ numbers: AsyncStream<Int>) throws -> Int {
    let stream = numbers.events().stream()
    var sum = 0
    while let number = try stream.waitNext(timeout: .seconds(5)) { sum += number }
    return sum
}
// snippet.end

// snippet.legacy
/// A legacy handler as an `AsyncSequence`: a queue stands between the two.
func sum(of sensor: LegacySensor) async throws -> Int {
    let readings = Queue<Int>("readings")
    defer { readings.closeNow() }  // who leaves early is given nothing more
    sensor.start({ reading in _ = try? readings.tryPut(reading) }, { readings.close() })
    var sum = 0
    for try await reading in readings { sum += reading }
    return sum
}
// snippet.end

// snippet.hide
@main
enum ObserveEvents {
    static func numbers() -> AsyncStream<Int> {
        AsyncStream { continuation in
            for number in 1...3 { continuation.yield(number) }
            continuation.finish()
        }
    }

    static func main() async throws {
        let ended = Promise<Void>()
        _ = watch(numbers(), on: .shared) { number in
            if let number { print(number) } else { ended.succeed(()) }
        }
        try await ended.future.value
        print(try await Greenlet.run { try sum(numbers()) })
        print(try await sum(of: LegacySensor()))
    }
}
