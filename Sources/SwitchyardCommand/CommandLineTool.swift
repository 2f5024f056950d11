// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Switchyard

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The command `switchyard`.
@main
enum CommandLineTool {
    private static let usage = """
        usage: switchyard tour [options] [URL ...]
               switchyard matrix [options]

        tour    one fetch, written in every style, against a real server
        matrix  every style handed to every other, in eight cases, and what came of it

        switchyard COMMAND --help lists the options.
        """

    /// Not async: the main thread stays a plain thread, on which `wait()` is legal.
    static func main() {
        exit(run(Array(CommandLine.arguments.dropFirst())))
    }

    /// Runs the command; the result is the exit status: 0 as hoped, 1 something went wrong, 2 wrong input.
    private static func run(_ arguments: [String]) -> Int32 {
        switch arguments.first {
        case "tour": return tour(Array(arguments.dropFirst()))
        case "matrix": return matrix(Array(arguments.dropFirst()))
        case "--help", "-h", "help":
            Output.print(usage)
            return 0
        case let other?: return refuse("switchyard: there is no command '\(other)'; see switchyard --help")
        case nil: return refuse(usage)
        }
    }

    private static func tour(_ arguments: [String]) -> Int32 {
        do {
            guard let options = try TourOptions.parse(arguments) else {
                Output.print(TourOptions.help)
                return 0
            }
            Output.print(try Tour(options).run())
            return 0
        } catch let error as WrongInput {
            return refuse("tour: \(error)")
        } catch let failure as TourFailed {
            Output.complain("tour: \(failure)")
            Output.print("tour: \(failure.summary)")
            return 1
        } catch {
            Output.complain("tour: \(error)")
            Output.print("tour: failed, as standard error says")
            return 1
        }
    }

    private static func matrix(_ arguments: [String]) -> Int32 {
        do { return try MatrixCommand.run(arguments) } catch let error as WrongInput {
            return refuse("matrix: \(error)")
        } catch {
            Output.complain("matrix: \(error)")
            return 1
        }
    }

    private static func refuse(_ sentence: String) -> Int32 {
        Output.complain(sentence)
        return 2
    }
}

/// What the user asked for cannot be done.
struct WrongInput: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
