// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// A legacy function: it calls back, now or later.
func legacySquare(_ number: Int, _ completion: @escaping @Sendable (Int) -> Void) { completion(number * number) }

func square(_ number: Int) -> Call<Int> {
    Call { done in legacySquare(number) { result in done.succeed(result) } }
}

@main
enum Consumer {
    static func main() async throws {
        let sum = try await Future.all((1...10).map(square)).map { squares in squares.reduce(0, +) }.value
        precondition(sum == 385)
        print("Consumer: the squares of 1 to 10 add up to \(sum)")
    }
}
