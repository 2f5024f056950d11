// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import InteropMatrix
import Switchyard

/// `switchyard matrix`: every style into every other, tried.
enum MatrixCommand {
    static let help = """
        usage: switchyard matrix [--sabotage \(Sabotage.allCases.map(\.rawValue).joined(separator: "|"))]

        Hands one outcome from every style (rows) to every other (columns), in eight cases: a value, an error, already
        complete, completed on another thread, cancelled by the consumer, cancelled by the source, completed twice, and
        dropped. In each cell the outcome has to come once, as it was, on the executor that the verb promises, with the
        task-locals that were named; a cancellation has to reach the source.

        --sabotage KIND  breaks one verb on purpose: double (callback), drop (Deferred), executor (C callback), cancel
                         (await); its cells have to fail

        Exits with 1 if a cell failed.
        """

    /// - Returns: The exit status.
    static func run(_ arguments: [String]) throws -> Int32 {
        guard let sabotage = try parse(arguments) else {
            Output.print(help)
            return 0
        }
        let report = try Future { await Matrix(sabotage: sabotage.kind).run() }.wait()
        Output.print(introduction)
        Output.print("\(report)")
        return report.failed.isEmpty ? 0 : 1
    }

    private static let introduction = """
        From each style (rows) to each other (columns): how many of the eight cases came out right. 6-1 is six right, one wrong.

        """

    /// - Returns: Nil if help was asked for.
    private static func parse(_ arguments: [String]) throws -> (kind: Sabotage?, Void)? {
        var kind: Sabotage?
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--help", "-h": return nil
            case "--sabotage":
                let kinds = Sabotage.allCases.map(\.rawValue).joined(separator: ", ")
                guard let text = rest.popFirst() else { throw WrongInput("--sabotage needs one of: \(kinds)") }
                guard let named = Sabotage(rawValue: text) else {
                    throw WrongInput("--sabotage takes one of \(kinds), not '\(text)'")
                }
                kind = named
            default: throw WrongInput("there is no option '\(argument)'; see switchyard matrix --help")
            }
        }
        return (kind, ())
    }
}
