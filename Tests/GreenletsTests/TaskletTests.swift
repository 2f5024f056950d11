// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

/// Runs tasklets on a thread of their own.
@discardableResult
private func withTasklets<Result: Sendable>(
    _ body: @escaping @Sendable () throws -> Result
) async throws -> Result {
    try await onThread { try TaskletScheduler.run(body) }
}

/// Why something was refused; nil if it was not.
private func reason(_ body: () throws -> Void) -> TaskletError.Reason? {
    do { try body() } catch { return (error as? TaskletError)?.reason }
    return nil
}

/// The macros of Swift Testing cannot read a call of a method named like a statement.
private func jump(to tasklet: AnyTasklet) throws { try tasklet.switch() }
private func raise(_ error: any Error, in tasklet: AnyTasklet, pending: Bool = false) throws {
    try tasklet.throw(error, pending: pending)
}

@Suite("Tasklets")
struct TaskletTests {
    // MARK: S1

    @Test("S1: a tasklet is queued when it is made; a bound one is paused until it is inserted")
    func queued() async throws {
        try await withTasklets {
            let order = OrderRecorder()
            try Tasklet { order.record("a") }
            let paused = try Tasklet.bind(name: "later") { order.record("later") }
            try Tasklet { order.record("b") }
            #expect(order.count == 0)
            try TaskletScheduler.run()
            #expect(order.entries == ["a", "b"])
            #expect(try paused.state == .paused && paused.isAlive && paused.name == "later")
            try paused.insert()
            try paused.insert()
            #expect(order.count == 2)
            try TaskletScheduler.run()
            #expect(order.entries == ["a", "b", "later"] && !paused.isAlive)
        }
    }

    @Test("S1: a tasklet is paused, scheduled, blocked or dead, one at a time")
    func states() async throws {
        try await withTasklets {
            let gate = Promise<Void>()
            let inside = Log<TaskletState>()
            let tasklet = try Tasklet.bind {
                inside.add(try TaskletScheduler.current!.state)
                try gate.future.wait()
            }
            let seen = Log<TaskletState>()
            func look() throws { seen.add(try tasklet.state) }
            try look()
            try tasklet.insert()
            try look()
            try tasklet.remove()
            try look()
            try tasklet.insert()
            try TaskletScheduler.run()
            try look()
            gate.succeed(())
            try look()
            try tasklet.remove()
            try tasklet.remove()
            try TaskletScheduler.run()
            try look()
            try tasklet.insert()
            try look()
            try TaskletScheduler.run()
            try look()
            #expect(inside.entries == [.scheduled])
            #expect(
                seen.entries
                    == [.paused, .scheduled, .paused, .blocked, .scheduled, .paused, .scheduled, .dead]
            )
            let main = try TaskletScheduler.main!.state
            #expect(main == .scheduled)
        }
    }

    @Test("S1: a body is bound to a tasklet that has ended, and to none that is alive")
    func binding() async throws {
        try await withTasklets {
            let order = OrderRecorder()
            let tasklet = try Tasklet(name: "twice") { () -> Int in 1 }
            #expect(reason { try tasklet.setup { 2 } } == .alive)
            #expect(text { try tasklet.bind { 2 } }.contains("bind of twice: it has a body that has not ended"))
            #expect(try tasklet.wait() == 1)
            try tasklet.setup { () -> Int in
                order.record("second")
                return 2
            }
            #expect(try tasklet.state == .scheduled)
            #expect(try tasklet.wait() == 2 && tasklet.name == "twice")
            try tasklet.bind { 3 }
            try TaskletScheduler.run()
            #expect(try tasklet.state == .paused && tasklet.outcome == nil)
            try tasklet.run()
            #expect(try tasklet.outcome?.get() == 3)
        }
    }

    @Test("S1: unbinding forgets a body that has not begun; one that has begun is unwound instead, by a kill")
    func unbinding() async throws {
        try await withTasklets {
            let (ran, released) = (Counter(), Counter())
            var sentinel: Sentinel? = Sentinel(released)
            let tasklet = try Tasklet.bind { [sentinel] in
                sentinel?.use()
                ran.add()
            }
            sentinel = nil
            try tasklet.unbind()
            #expect(released.value == 1 && ran.value == 0 && !tasklet.isAlive)
            #expect(throws: CancellationError.self) { try tasklet.wait() }
            try tasklet.unbind()
            try tasklet.setup { ran.add() }
            #expect(reason { try tasklet.unbind() } == .scheduled)
            try TaskletScheduler.run()
            #expect(ran.value == 1)
            let begun = try Tasklet {
                defer { ran.add() }
                try TaskletScheduler.scheduleRemove()
            }
            try TaskletScheduler.run()
            #expect(try begun.state == .paused)
            #expect(reason { try begun.unbind() } == .begun)
            try begun.kill()
            #expect(ran.value == 2)
        }
    }

    // MARK: S2

    @Test("S2: run returns when nobody is scheduled; who is blocked or paused stays so")
    func running() async throws {
        try await withTasklets {
            let (gate, order) = (Promise<Void>(), OrderRecorder())
            let blocked = try Tasklet {
                try gate.future.wait()
                order.record("blocked")
            }
            try Tasklet {
                order.record("first")
                try TaskletScheduler.schedule()
                try Tasklet { order.record("third") }
                order.record("second")
            }
            try TaskletScheduler.run()
            #expect(order.entries == ["first", "second", "third"])
            #expect(try blocked.state == .blocked)
            try TaskletScheduler.run()
            gate.succeed(())
            try TaskletScheduler.run()
            #expect(order.entries.last == "blocked")
        }
    }

    @Test("S2: runs nest, and the last one that was called returns first, when the queue has run out")
    func nested() async throws {
        try await withTasklets {
            let order = OrderRecorder()
            let inner = try Tasklet {
                try Tasklet { order.record("of inner") }
                order.record("inner begins")
                try TaskletScheduler.run()
                order.record("inner ends")
            }
            try Tasklet {
                order.record("other, while \(try inner.state)")
                try TaskletScheduler.schedule()
                order.record("other again")
            }
            try TaskletScheduler.run()
            order.record("outer ends")
            #expect(
                order.entries == [
                    "inner begins", "other, while blocked", "of inner", "other again", "inner ends", "outer ends",
                ]
            )
        }
    }

    @Test("S2: an error that nobody waits for leaves run, and the others stay scheduled; a kill is silent")
    func uncaught() async throws {
        try await withTasklets {
            let order = OrderRecorder()
            try Tasklet { throw Oops(number: 1) }
            try Tasklet { order.record("after") }
            try Tasklet { throw GreenletExit() }
            try Tasklet { throw CancellationError() }
            let awaited = try Tasklet { throw Oops(number: 2) }
            let waiter = try Tasklet.bind { #expect(throws: Oops(number: 2)) { try awaited.wait() } }
            try waiter.run()
            #expect(throws: Oops(number: 1)) { try TaskletScheduler.run() }
            #expect(order.count == 0)
            try TaskletScheduler.run()
            #expect(order.entries == ["after"] && !waiter.isAlive)
        }
    }

    @Test("S2: with nobody in run, an error that nobody waits for is thrown at the main tasklet's wait, or at its end")
    func uncaughtInMain() async throws {
        try await withTasklets {
            try Tasklet { throw Oops(number: 3) }
            #expect(throws: Oops(number: 3)) { try forever.future.wait() }
            try Tasklet { throw Oops(number: 4) }
            #expect(throws: Oops(number: 4)) { try TaskletScheduler.schedule() }
        }
        let cleaned = Counter()
        await #expect(throws: Oops(number: 5)) {
            try await withTasklets {
                try Tasklet {
                    defer { cleaned.add() }
                    try forever.future.wait()
                }
                try Tasklet { throw Oops(number: 5) }
            }
        }
        #expect(cleaned.value == 1)
    }

    @Test("S2: at the end the blocked and the paused are killed and unwound, also if the main tasklet fails")
    func end() async throws {
        let (cleaned, ran) = (Counter(), Counter())
        let kept = Log<Tasklet<Void>>()
        await #expect(throws: Oops(number: 6)) {
            try await withTasklets {
                for _ in 0..<2 {
                    try Tasklet {
                        defer { cleaned.add() }
                        try forever.future.wait()
                    }
                }
                try Tasklet {
                    defer { cleaned.add() }
                    try TaskletScheduler.scheduleRemove()
                }
                try TaskletScheduler.run()
                kept.add(try Tasklet.bind { ran.add() })
                kept.add(try Tasklet { ran.add() })
                throw Oops(number: 6)
            }
        }
        #expect(cleaned.value == 3 && ran.value == 0)
        for tasklet in kept.entries { await #expect(throws: CancellationError.self) { try await tasklet.value } }
        #expect(reason { try kept.entries[0].insert() } == .foreignThread)
    }

    @Test("S2: the result is the main tasklet's, once the queue has run out; a greenlet and a task cannot become one")
    func entering() async throws {
        let order = OrderRecorder()
        let result = try await withTasklets { () -> String in
            try Tasklet { order.record("queued") }
            return "result"
        }
        #expect(result == "result" && order.entries == ["queued"])
        try await withTasklets {
            #expect(throws: CannotRunLoop.self) { try TaskletScheduler.run {} }
        }
        #expect(refusal { try blockingRun() } == .task)
        #expect(TaskletScheduler.current == nil && TaskletScheduler.main == nil && TaskletScheduler.runCount == 0)
        #expect(reason { try TaskletScheduler.run() } == .outside)
    }

    // MARK: S3

    @Test("S3: schedule goes to the queue's end; scheduleRemove leaves the queue until somebody inserts the tasklet")
    func scheduling() async throws {
        try await withTasklets {
            let order = OrderRecorder()
            let removed = try Tasklet {
                order.record("a1")
                try TaskletScheduler.scheduleRemove()
                order.record("a2")
            }
            try Tasklet {
                order.record("b1")
                try TaskletScheduler.schedule()
                order.record("b2")
                try removed.insert()
                order.record("b3")
            }
            try TaskletScheduler.schedule()
            order.record("main")
            #expect(try removed.state == .paused)
            try TaskletScheduler.run()
            #expect(order.entries == ["a1", "b1", "main", "b2", "b3", "a2"])
        }
    }

    @Test("S3: the main tasklet that left the queue comes back when it is inserted, or when nobody else is scheduled")
    func mainPauses() async throws {
        try await withTasklets {
            let order = OrderRecorder()
            let main = TaskletScheduler.main!
            try Tasklet {
                try TaskletScheduler.schedule()
                order.record("worker, main \(try main.state)")
            }
            try TaskletScheduler.scheduleRemove()
            order.record("alone")
            try TaskletScheduler.scheduleRemove()
            try Tasklet {
                try main.insert()
                order.record("inserted it")
                try TaskletScheduler.schedule()
                order.record("last")
            }
            try TaskletScheduler.scheduleRemove()
            order.record("back")
            #expect(order.entries == ["worker, main paused", "alone", "inserted it", "back"])
        }
    }

    @Test("S3: a value that others leave in tempval is what schedule and scheduleRemove answer")
    func tempval() async throws {
        try await withTasklets {
            let answers = Log<String>()
            let tasklet = try Tasklet {
                answers.add(try TaskletScheduler.schedule("nobody"))
                answers.add(try TaskletScheduler.scheduleRemove("nobody"))
                answers.add(try TaskletScheduler.schedule("nobody"))
                let wrong = reason { _ = try TaskletScheduler.schedule(1) }
                #expect(wrong == .valueType)
            }
            try TaskletScheduler.schedule()
            try TaskletScheduler.schedule()
            tasklet.tempval = "somebody"
            #expect(tasklet.tempval as? String == "somebody")
            try tasklet.insert()
            try TaskletScheduler.schedule()
            try TaskletScheduler.schedule()
            tasklet.tempval = "no number"
            try TaskletScheduler.run()
            #expect(answers.entries == ["nobody", "somebody", "nobody"])
            #expect(tasklet.tempval == nil && !tasklet.isAlive)
            #expect(try TaskletScheduler.scheduleRemove(5) == 5)
        }
    }

    @Test("S3: the scheduler tells who runs, who is the main tasklet, and how many are scheduled")
    func looking() async throws {
        try await withTasklets {
            let main = TaskletScheduler.current!
            #expect(TaskletScheduler.main === main && TaskletScheduler.runCount == 1)
            let tasklet = try Tasklet.bind { () -> Bool in
                let current = TaskletScheduler.current
                return current !== main && TaskletScheduler.main === main && TaskletScheduler.runCount == 2
            }
            #expect(TaskletScheduler.runCount == 1)
            try tasklet.insert()
            try Tasklet {}
            #expect(TaskletScheduler.runCount == 3)
            try TaskletScheduler.run()
            #expect(try tasklet.wait())
            let outsider = Greenlet.spawn { TaskletScheduler.current == nil && TaskletScheduler.main === main }
            #expect(try outsider.wait())
        }
    }

    // MARK: S4

    @Test("S4: run jumps to a tasklet and on through the queue, back to the caller; who was passed over comes last")
    func jumping() async throws {
        try await withTasklets {
            let order = OrderRecorder()
            let tasklets = try (1...3).map { n in try Tasklet { order.record("\(n)") } }
            try tasklets[1].run()
            order.record("main")
            try TaskletScheduler.run()
            #expect(order.entries == ["2", "3", "main", "1"])
            let others = try (4...5).map { n in try Tasklet { order.record("\(n)") } }
            let paused = try Tasklet.bind { order.record("paused") }
            try paused.run()
            order.record("main again")
            try TaskletScheduler.run()
            #expect(order.entries.suffix(4) == ["paused", "main again", "4", "5"] && others.count == 2)
            try TaskletScheduler.main!.run()
        }
    }

    @Test("S4: switch does the same and pauses the caller")
    func switching() async throws {
        try await withTasklets {
            let order = OrderRecorder()
            let target = try Tasklet.bind {
                order.record("target")
                try TaskletScheduler.schedule()
                order.record("target again")
            }
            let caller = try Tasklet {
                order.record("caller")
                try jump(to: target)
                order.record("caller again")
            }
            try Tasklet { order.record("other") }
            try TaskletScheduler.run()
            #expect(order.entries == ["caller", "target", "other", "target again"])
            #expect(try caller.state == .paused)
            try caller.insert()
            try TaskletScheduler.run()
            #expect(order.entries.last == "caller again")
            try Tasklet { order.record("before") }
            let last = try Tasklet { order.record("last") }
            try jump(to: last)
            #expect(order.entries.suffix(2) == ["last", "before"])
            try jump(to: TaskletScheduler.main!)
        }
    }

    @Test("S3, S4: whatever is removed, inserted and jumped to, the others keep their order", arguments: 1...5)
    func randomOrder(seed: UInt64) async throws {
        try await withTasklets {
            let ran = Log<Int>()
            let tasklets = try (0..<(hasStacks ? 150 : 20)).map { n in
                try Tasklet { () throws -> Void in
                    while true {
                        ran.add(n)
                        try TaskletScheduler.schedule()
                    }
                }
            }
            var (queue, expected) = (Array(tasklets.indices), [Int]())
            var random = seed
            for _ in 0..<300 {
                random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let n = Int(random >> 33) % tasklets.count
                let place = queue.firstIndex(of: n)
                switch (random >> 60) % 4 {
                case 0:
                    try tasklets[n].remove()
                    queue.removeAll { $0 == n }
                case 1:
                    try tasklets[n].insert()
                    if place == nil { queue.append(n) }
                case 2:
                    try tasklets[n].run()
                    if place == nil { queue.append(n) }
                    // Those that run go to the end behind those that were passed over.
                    expected += queue[(place ?? queue.count - 1)...]
                default:
                    try TaskletScheduler.schedule()
                    expected += queue
                }
                #expect(TaskletScheduler.runCount == queue.count + 1)
            }
            #expect(ran.entries == expected)
            for tasklet in tasklets { try tasklet.kill(pending: true) }
        }
    }

    @Test("S4: who is blocked, dead or another thread's is refused by name, and what runs cannot be removed")
    func refused() async throws {
        let foreign = Log<AnyTasklet>()
        let told = Promise<Void>()
        async let elsewhere: Void = withTasklets {
            foreign.add(try Tasklet.bind(name: "theirs") {})
            try told.future.wait()
        }
        #expect(await eventually { foreign.entries.count == 1 })
        try await withTasklets {
            let blocked = try Tasklet(name: "stuck") { try forever.future.wait() }
            let dead = try Tasklet(name: "gone") {}
            try TaskletScheduler.run()
            for operation in [{ try $0.run() }, { try jump(to: $0) }, { try $0.insert() }, { try $0.remove() }]
                as [(AnyTasklet) throws -> Void]
            {
                #expect(reason { try operation(blocked) } == .blocked)
                #expect(reason { try operation(dead) } == .dead)
                #expect(reason { try operation(foreign.entries[0]) } == .foreignThread)
            }
            #expect(text { try blocked.run() }.hasPrefix("TaskletError: run of stuck: it waits for something"))
            #expect(text { try dead.insert() }.hasPrefix("TaskletError: insert of gone: it has ended"))
            #expect(text { _ = try foreign.entries[0].state }.contains("another thread's scheduler"))
            #expect(reason { try TaskletScheduler.current!.remove() } == .current)
        }
        told.succeed(())
        try await elsewhere
        #expect(reason { try Tasklet {} } == .outside)
        #expect(text { try TaskletScheduler.run() }.contains("called by code outside of greenlets"))
    }

    // MARK: S5

    @Test("S5: one that has not begun never runs when an error is thrown into it; a dead one takes an exit only")
    func throwingEarly() async throws {
        try await withTasklets {
            let ran = Counter()
            for pending in [false, true] {
                for tasklet in [try Tasklet { ran.add() }, try Tasklet.bind { ran.add() }] {
                    try tasklet.kill(pending: pending)
                    #expect(throws: CancellationError.self) { try tasklet.wait() }
                    try tasklet.kill()
                    #expect(reason { try raise(Oops(), in: tasklet) } == .dead)
                }
            }
            let thrownInto = try Tasklet { ran.add() }
            #expect(throws: Oops(number: 1)) { try raise(Oops(number: 1), in: thrownInto) }
            let removed = try Tasklet { ran.add() }
            try removed.remove()
            try removed.kill()
            #expect(!removed.isAlive && TaskletScheduler.runCount == 1)
            try TaskletScheduler.run()
            #expect(ran.value == 0)
        }
    }

    @Test("S5: a thrown error runs its tasklet now, and a pending one schedules it only")
    func throwingLater() async throws {
        try await withTasklets {
            let order = OrderRecorder()
            func victim(_ name: String) throws -> Tasklet<Void> {
                let tasklet = try Tasklet {
                    do { try forever.future.wait() } catch { order.record("\(name) \(error is Oops)") }
                }
                try TaskletScheduler.run()
                return tasklet
            }
            let (now, later) = (try victim("now"), try victim("later"))
            try Tasklet { order.record("other") }
            try raise(Oops(), in: now)
            #expect(order.entries == ["now true"])
            try later.kill(pending: true)
            #expect(try order.count == 1 && later.state == .scheduled)
            try TaskletScheduler.run()
            #expect(order.entries == ["now true", "other", "later false"])
            let paused = try Tasklet {
                do { try TaskletScheduler.scheduleRemove() } catch { order.record("paused \(error is Oops)") }
            }
            let scheduled = try Tasklet {
                do { try TaskletScheduler.schedule() } catch { order.record("scheduled \(error is Oops)") }
            }
            try TaskletScheduler.schedule()
            try raise(Oops(), in: paused)
            try raise(Oops(), in: scheduled)
            #expect(order.entries.suffix(2) == ["paused true", "scheduled true"])
        }
    }

    @Test("S5: a tasklet may kill itself, now or pending, and may be killed from another thread")
    func killing() async throws {
        let (victim, order) = (Log<Tasklet<Void>>(), OrderRecorder())
        async let ended: Void = withTasklets {
            try Tasklet {
                do { try TaskletScheduler.current!.kill() } catch { order.record("\(error is GreenletExit)") }
                try TaskletScheduler.current!.kill(pending: true)
                order.record("goes on")
                do { try TaskletScheduler.schedule() } catch { order.record("at its wait") }
            }
            try TaskletScheduler.run()
            let tasklet = try Tasklet { try TaskletScheduler.scheduleRemove() }
            try TaskletScheduler.schedule()
            victim.add(tasklet)
            try? tasklet.wait()
            order.record("killed")
        }
        #expect(await eventually { victim.entries.count == 1 })
        try victim.entries[0].kill()
        try await ended
        #expect(order.entries == ["true", "goes on", "at its wait", "killed"])
    }
}

private func blockingRun() throws { try TaskletScheduler.run {} }
