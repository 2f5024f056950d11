// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import Futures
import Greenlets
import Loops
import Testing

@Suite("Fibers: generators")
struct FiberGeneratorTests {
    @Test("G17: a fiber makes a generator of nested calls")
    func nestedYield() async throws {
        try await onThread {
            final class Tree {
                let value: Int
                let children: [Tree]
                init(_ value: Int, _ children: [Tree] = []) {
                    self.value = value
                    self.children = children
                }
                func visit(_ yield: (Int) throws -> Void) throws {
                    for child in children { try child.visit(yield) }
                    try yield(value)
                }
            }
            let tree = Tree(7, [Tree(3, [Tree(1), Tree(2)]), Tree(6, [Tree(4), Tree(5)])])
            let walker = Fiber<Int?> { _ in
                try tree.visit { _ = try Fiber<Int?>.current.parent!.switch($0) }
                return nil
            }
            var seen: [Int] = []
            while let value = try send(nil, to: walker) { seen.append(value) }
            #expect(seen == [1, 2, 3, 4, 5, 6, 7])
        }
    }
}
