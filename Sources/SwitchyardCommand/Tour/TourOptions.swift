// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// What `switchyard tour` was asked to do.
struct TourOptions: Equatable {
    /// Per style; nil is once for each file or URL.
    var requests: Int?
    var concurrency = 64
    /// Nil: the package's own sources and documents.
    var directory: String?
    /// Empty: a server of our own.
    var urls: [String] = []

    static let help = """
        usage: Scripts/demo [options] [URL ...]       from a clone: builds, then runs the tour
               switchyard tour [options] [URL ...]

        Serves a directory over HTTP on this machine, then fetches every file through one C function with a callback
        argument, in every style of asynchronous code, and compares what came with the file on disk. With URLs, it fetches
        those instead, and compares with what the synchronous style got.

          --directory PATH    serve the files below PATH; default: Docs, Sources and Tests of the package around the
                              current directory. Hidden files and what git ignores are left out; at most 400 files
          --requests N        requests for each style, 1 to 100000; default: one for each file or URL
          --concurrency N     requests in flight at once, 1 to 1000; default: 64. A server of your own may take fewer
          --help              this text

        The last line says if all answers are equal; errors go to standard error. The exit status is 0 if all are equal, 1
        if not or if a request fails, 2 if the input is wrong.
        """

    /// Reads the arguments after `tour`; nil when help is wanted.
    static func parse(_ arguments: [String]) throws -> TourOptions? {
        var options = TourOptions()
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("-") else {
                options.urls.append(try checked(url: argument))
                continue
            }
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let name = parts[0]
            switch name {
            case "--help", "-h": return nil
            case "--directory", "--requests", "--concurrency": break
            default: throw WrongInput("there is no option \(name); see --help")
            }
            guard let value = parts.count == 2 ? parts[1] : rest.popFirst() else {
                throw WrongInput("\(name) needs a value; see --help")
            }
            switch name {
            case "--directory": options.directory = value
            case "--requests": options.requests = try number(value, for: name, in: 1...100_000)
            default: options.concurrency = try number(value, for: name, in: 1...1000)
            }
        }
        if options.directory != nil, !options.urls.isEmpty {
            throw WrongInput("--directory and URLs exclude each other: either we serve files, or you name the server")
        }
        return options
    }

    private static func number(_ text: String, for option: String, in range: ClosedRange<Int>) throws -> Int {
        guard let number = Int(text), range.contains(number) else {
            throw WrongInput(
                "\(option) takes a number from \(range.lowerBound) to \(range.upperBound), not '\(text)'"
            )
        }
        return number
    }

    private static func checked(url: String) throws -> String {
        let parts = url.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
        switch parts.first?.lowercased() {
        case "https" where parts.count == 2:
            throw WrongInput("\(url): the legacy function speaks plain HTTP only; give it an http:// URL")
        case "http" where parts.count == 2 && parts[1].first.map { !"/?#:".contains($0) } ?? false: return url
        default: throw WrongInput("'\(url)' is no URL that can be fetched; it has to be http://host/path")
        }
    }
}
