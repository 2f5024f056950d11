// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Testing

@Suite struct LifetimeTests {
    init() { Reports.install() }

    /// Runs the body with an object that every closure it makes should capture; true if all of them are gone.
    private func isReleased(_ body: (Sentinel) async -> Void) async -> Bool {
        weak var held: Sentinel?
        do {
            let sentinel = Sentinel()
            held = sentinel
            await body(sentinel)
        }
        let end = LoopInstant.now.advanced(by: .seconds(10))
        while held != nil, LoopInstant.now < end { await Task.yield() }
        return held == nil
    }

    /// Everything that keeps a closure, hung below the promise.
    private func hang(_ sentinel: Sentinel, below promise: Promise<Int>, on loop: VirtualLoop) -> [Future<Int>] {
        let future = promise.future
        _ = future.observe { _ in sentinel.touch() }
        promise.onCancel { sentinel.touch() }
        promise.onDispose { _ in sentinel.touch() }
        let touch: @Sendable (Int) -> Int = {
            sentinel.touch(); return $0
        }
        return [
            future.map(touch), future.flatMap { Future.succeeded(touch($0)) }, future.recover { _ in touch(0) },
            future.ensure { sentinel.touch() }, future.shielded.map(touch),
            future.timeout(.seconds(1), on: loop).map(touch), Future.all([future, future]).map { touch($0[0]) },
            Future.race([future, Promise<Int>.endless.future]).map(touch), Future.any([future]).map(touch),
            Future.firstCompleted(of: [future]).map { touch(try $0.get()) },
            Future.settled([future], timeout: .seconds(1), on: loop).map { touch($0.done.count) },
            Future.asCompleted([future]).next().future().map { touch(try $0!.get()) },
        ]
    }

    @Test("F11: completion releases every closure and every future", arguments: 0..<3)
    func afterCompletion(_ kind: Int) async {
        let loop = VirtualLoop()
        let isReleased = await isReleased { sentinel in
            let promise = Promise<Int>()
            let results = hang(sentinel, below: promise, on: loop)
            switch kind {
            case 0: promise.succeed(1)
            case 1: promise.fail(EmptyInput("a test"))
            default: promise.future.cancel()
            }
            for result in results { _ = try? await result.value }
        }
        #expect(isReleased)
        #expect(loop.pendingTimers == 0)
    }

    @Test("F11: a dropped promise releases everything below it")
    func afterDrop() async {
        let loop = VirtualLoop()
        let isReleased = await isReleased { sentinel in
            for result in hang(sentinel, below: Promise(), on: loop) { _ = try? await result.value }
        }
        #expect(isReleased)
        #expect(loop.pendingTimers == 0)
    }

    @Test("F11: a registration that is kept does not keep its observer once that was called or withdrawn")
    func keptRegistration() async {
        let registrations = Log<Registration>()
        let isReleased = await isReleased { sentinel in
            for withdraws in [false, true] {
                let promise = Promise<Int>.kept()
                let new = (0..<3).map { _ in promise.future.observe { _ in sentinel.touch() } }
                for registration in new {
                    if withdraws { registration.withdraw() }
                    registrations.add(registration)
                }
                promise.succeed(1)
            }
        }
        #expect(isReleased)
        #expect(registrations.count == 6)
    }

    @Test("F11: a timeout, and a race that is over, keep nothing though the source goes on")
    func whileTheSourceGoesOn() async {
        let source = Promise<Int>()
        let loop = VirtualLoop()
        let isReleased = await isReleased { sentinel in
            let results = [
                source.future.timeout(.seconds(1), on: loop), Future.race([source.future, .sleep1(on: loop)]),
                Future.firstCompleted(of: [source.future, .sleep1(on: loop)]).map { try $0.get() },
            ].map {
                $0.map { value -> Int in
                    sentinel.touch(); return value
                }
            }
            let kept = source.future.observe { _ in }
            loop.pass(.seconds(1))
            for result in results { _ = try? await result.value }
            kept.withdraw()
        }
        #expect(isReleased)
        #expect(source.future._observers == 0)
        source.succeed(1)
    }

    @Test("F11: cancelled consumers keep nothing though the source goes on")
    func cancelledConsumers() async {
        let source = Promise<Int>()
        let stays = source.future.observe { _ in }
        let loop = VirtualLoop()
        let isReleased = await isReleased { sentinel in
            let results = [
                source.future.map { $0 }, source.future.timeout(.seconds(1), on: loop),
                Future.all([source.future]).map { $0[0] }, source.future.delivered(on: loop),
            ].map {
                $0.map { value -> Int in
                    sentinel.touch(); return value
                }
            }
            for result in results { result.cancel() }
            let task = Task { [sentinel] in
                sentinel.touch()
                return try await source.future.value
            }
            task.cancel()
            _ = await task.result
        }
        #expect(isReleased)
        #expect(source.future._observers == 1)
        stays.withdraw()
        source.succeed(1)
    }
}

extension Future where Success == Int {
    fileprivate static func sleep1(on loop: VirtualLoop) -> Future<Int> {
        Future<Void>.sleep(for: .seconds(1), on: loop).map { 1 }
    }
}
