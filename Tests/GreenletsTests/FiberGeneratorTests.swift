// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Fibers: generators")
struct FiberGeneratorTests {
    @Test("G17: the steps of the main fiber and of its child alternate exactly")
    func log() async throws {
        try await onThread { () throws in
            let order = OrderRecorder()
            let child = Fiber<Void> {
                order.record("1")
                try Fiber.main.switch()
                order.record("3")
            }
            order.record("0")
            try child.switch()
            order.record("2")
            try child.switch()
            order.record("4")
            #expect(order.entries == ["0", "1", "2", "3", "4"])
        }
    }

    @Test("G17: two children take turns, and a fiber in a fiber comes back to it")
    func children() async throws {
        try await onThread { () throws in
            let order = OrderRecorder()
            func child(_ name: String) -> Fiber<Void> {
                Fiber {
                    order.record(name)
                    try Fiber.main.switch()
                    order.record(name)
                }
            }
            let both = [child("a"), child("b")]
            for _ in 0..<2 { for fiber in both { try fiber.switch() } }
            #expect(both[0].isDead && both[1].isDead)
            let outer = Fiber<Void> {
                order.record("outer")
                try Fiber { order.record("inner") }.switch()
                order.record("outer")
            }
            try outer.switch()
            #expect(order.entries == ["a", "b", "a", "b", "outer", "inner", "outer"])
        }
    }

    @Test("G17: generators that take turns each go on where they were")
    func interleaved() async throws {
        try await onThread { () throws in
            func five(_ name: String) -> Generator<String> {
                Generator { yield in
                    for number in 0..<5 { try yield("\(name)\(number)") }
                }
            }
            var generators = ["a", "b", "c"].map { five($0) }
            var seen: [String] = []
            for _ in 0..<5 { for index in 0..<3 { seen.append(generators[index].next() ?? "end") } }
            #expect(seen == (0..<5).flatMap { number in ["a", "b", "c"].map { "\($0)\(number)" } })
            for index in 0..<3 { #expect(generators[index].next() == nil && generators[index].next() == nil) }
        }
    }

    @Test("G17: elements are yielded from any depth of nested calls")
    func nestedYield() async throws {
        try await onThread { () throws in
            final class Tree {
                let value: Int
                let children: [Tree]
                init(_ value: Int, _ children: [Tree] = []) {
                    self.value = value
                    self.children = children
                }
                func visit(_ yield: Generator<Int>.Yielder) throws {
                    for child in children { try child.visit(yield) }
                    try yield(value)
                }
            }
            let tree = Tree(7, [Tree(3, [Tree(1), Tree(2)]), Tree(6, [Tree(4), Tree(5)])])
            #expect(Array(Generator<Int> { try tree.visit($0) }) == [1, 2, 3, 4, 5, 6, 7])
            #expect(Array(Generator<Int> { try $0.yield(from: 1...4) }) == [1, 2, 3, 4])
            #expect(Array(Generator<Int> { _ in }).isEmpty)
        }
    }

    @Test("G17: a generator's yielder works in the body of a generator that it asks, whatever that one's elements are")
    func secondLevel() async throws {
        try await onThread { () throws in
            let outer = Generator<Int> { yield throws in
                for number in 1...4 {
                    var inner = Generator<String> { _ in
                        try yield(number)
                        try yield(number * number)
                    }
                    #expect(try inner.advance() == nil)
                }
            }
            #expect(Array(outer) == [1, 1, 2, 4, 3, 9, 4, 16])
        }
    }

    @Test("G17: all permutations of four, by generators that ask each other")
    func permutations() async throws {
        try await onThread { () throws in
            func permutations(_ items: [Int]) -> Generator<[Int]> {
                Generator { yield in
                    if items.isEmpty { return try yield([]) }
                    for (index, item) in items.enumerated() {
                        var others = items
                        others.remove(at: index)
                        for rest in permutations(others) { try yield([item] + rest) }
                    }
                }
            }
            let all = Array(permutations([1, 2, 3, 4]))
            #expect(all.count == 24 && Set(all).count == 24)
            #expect(all.first == [1, 2, 3, 4] && all.last == [4, 3, 2, 1])
        }
    }

    @Test(
        "G17, G26: the error of a generator's body ends it and is thrown once by advance, also after next; else it is reported"
    )
    func errors() async throws {
        let reports = ReportCollector(containing: "generator forgotten")
        try await onThread { () throws in
            func failing(_ name: String, after count: Int = 1) -> Generator<Int> {
                Generator(name: name) { yield in
                    try yield.yield(from: 0..<count)
                    throw Oops(number: count)
                }
            }
            var asked = failing("asked")
            #expect(try asked.advance() == 0)
            #expect(throws: Oops(number: 1)) { try asked.advance() }
            #expect(try asked.advance() == nil)

            var later = failing("later")
            #expect(later.next() == 0 && later.next() == nil)
            #expect(throws: Oops(number: 1)) { try later.advance() }
            #expect(try later.advance() == nil)

            #expect(Array(failing("generator forgotten", after: 2)) == [0, 1])
        }
        let text = await reports.settledReports().map { "\($0)" }
        #expect(text.count == 1 && text[0].contains("Oops(number: 2)"))
    }

    @Test("G17, G36: a generator that is dropped unwinds its body, and that of the one it is asking")
    func dropped() async throws {
        try await onThread { () throws in
            let order = OrderRecorder()
            func use() {
                var outer = Generator<Int> { yield in
                    defer { order.record("outer unwinds") }
                    for element in Generator<Int>({ _ in
                        defer { order.record("inner unwinds") }
                        do { try yield(1) } catch {
                            // Nobody takes this one.
                            do { try yield(2) } catch { order.record("\(type(of: error))") }
                            throw error
                        }
                    }) { try yield(element) }
                }
                #expect(outer.next() == 1)
            }
            use()
            #expect(order.entries == ["GreenletExit", "inner unwinds", "outer unwinds"])
        }
    }

    @Test("G17, G36: a suspended fiber that holds generators, begun or not, can still be dropped")
    func held() async throws {
        try await onThread { () throws in
            let ended = Counter()
            func scope() throws {
                let fiber = Fiber<Int> { first in
                    defer { ended.add() }
                    let pending = Generator<Int> { try $0(1) }
                    var begun = Generator<Int> { try $0.yield(from: 1...3) }
                    #expect(begun.next() == 1)
                    defer { withExtendedLifetime((pending, begun)) {} }
                    return try Fiber<Int>.main.switch(first)
                }
                try send(1, to: fiber)
            }
            try scope()
            #expect(ended.value == 1)
        }
    }

    @Test(
        "G17, G33: a yielder outside of its generator's body is refused, and so is asking on another thread or in the body"
    )
    func misuse() async throws {
        try await onThread { () throws in
            var stolen: Generator<Int>.Yielder?
            var generator: Generator<Int>!
            generator = Generator<Int>(name: "asked") { yield throws in
                stolen = yield
                var itself = generator!
                let error = #expect(throws: FiberError.self) { try itself.advance() }
                #expect(error?.reason == .cyclicParents)
                try yield(1)
            }
            #expect(generator.next() == 1)
            let outside = #expect(throws: FiberError.self) { try stolen!(2) }
            #expect(outside?.reason == .notInBody)
            let other = Fiber<Void> { try stolen!(3) }
            let elsewhere = #expect(throws: FiberError.self) { try other.switch() }
            #expect(elsewhere?.reason == .notInBody)
            // SAFETY: that it is refused is the point.
            let shared = Unchecked(generator!)
            let reason = try Future.offThread { () -> FiberError.Reason? in
                var generator = shared.value
                do { _ = try generator.advance() } catch let error as FiberError { return error.reason }
                return nil
            }.wait()
            #expect(reason == .foreignThread)
            #expect(generator.next() == nil)
            stolen = nil
        }
    }
}
