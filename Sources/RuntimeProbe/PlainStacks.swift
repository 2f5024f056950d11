// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// What is held and what is changed beside it.
///
/// Numbers, not arrays: what one stack holds exclusively others change meanwhile, and a buffer that the compiler keeps at hand
/// would be freed under it.
package final class Pair {
    package var first = 0
    package var second = 0

    package init() {}
}

/// The state of stacks that run outside any task. Each check returns what was wrong.
package enum PlainStacks {
    /// Two stacks bind the same key across switches and close their scopes in the other order.
    package static func taskLocals() -> [String] {
        var wrong: [String] = []
        func see(_ who: String, _ expected: String) {
            if Local.name != expected { wrong.append("\(who) sees \(Local.name), not \(expected)") }
        }
        let stacks = ["one", "two", "three"].map { name in
            Stack { stack in
                see(name, "none")
                Local.$name.withValue(name) {
                    stack.park()
                    see(name, name)
                    Local.$name.withValue(name + ", inner") {
                        stack.park()
                        see(name, name + ", inner")
                    }
                    stack.park()
                    see(name, name)
                }
                see(name, "none")
            }
        }
        Local.$name.withValue("hub") {
            for order in [[0, 1, 2], [2, 0, 1], [0, 2, 1], [1, 0, 2]] {
                for index in order {
                    stacks[index].enter()
                    see("the hub", "hub")
                }
            }
        }
        see("the hub", "none")
        if !stacks.allSatisfy(\.isFinished) { wrong.append("a stack did not finish") }
        return wrong
    }

    /// Exclusive accesses held across switches, ended in the order they began and in the other, with uses elsewhere.
    package static func accesses() -> [String] {
        var wrong: [String] = []
        let pairs = [Pair(), Pair(), Pair()]
        func hold(_ value: inout Int, _ stack: Stack, _ other: Pair) {
            value |= 1
            stack.park()
            other.second += 1
            stack.park()
            value |= 2
        }
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let stacks = pairs.indices.map { index in
                Stack { hold(&pairs[index].first, $0, pairs[(index + 1) % 3]) }
            }
            for round in [[0, 1, 2], [1, 0, 2], order] {
                for index in round {
                    stacks[index].enter()
                    // An access by someone else to what a parked stack holds: a mistake in a program, but not one
                    // for the hub to die of.
                    pairs[index].first |= 4
                    pairs[index].second += 1
                }
            }
            if !stacks.allSatisfy(\.isFinished) { wrong.append("a stack did not finish") }
        }
        for pair in pairs {
            if pair.first & 3 != 3 { wrong.append("a write is missing") }
            if pair.second != 3 + 9 { wrong.append("\(pair.second) writes beside the held access") }
        }
        return wrong
    }

    /// No stack has a current task, whatever its creator has.
    package static func noTask() -> [String] {
        var wrong: [String] = []
        let stack = Stack { stack in
            if currentTask() != 0 { wrong.append("a fresh stack has a task") }
            stack.park()
            if currentTask() != 0 { wrong.append("a resumed stack has a task") }
        }
        stack.enter()
        stack.enter()
        return wrong
    }
}
