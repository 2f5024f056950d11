// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SwitchyardCommand

@Suite struct TourOptionsTests {
    @Test("without arguments the tour serves the package") func defaults() throws {
        #expect(try TourOptions.parse([]) == TourOptions())
    }

    @Test("options take their value as the next argument or behind an equals sign") func values() throws {
        let expected = TourOptions(requests: 7, concurrency: 3, directory: "a=b")
        #expect(try TourOptions.parse(["--requests", "7", "--concurrency=3", "--directory=a=b"]) == expected)
    }

    @Test("URLs are what is no option") func urls() throws {
        let options = try TourOptions.parse(["http://a/", "--requests", "2", "HTTP://b/"])
        #expect(options?.urls == ["http://a/", "HTTP://b/"])
        #expect(options?.requests == 2)
    }

    @Test("help wins over what follows", arguments: ["--help", "-h"]) func help(_ name: String) throws {
        #expect(try TourOptions.parse([name, "--nonsense"]) == nil)
    }

    @Test(
        "wrong input is refused in one line that names it",
        arguments: [
            (["--concurrency", "0"], "'0'"), (["--concurrency", "1001"], "'1001'"), (["--requests", "-1"], "'-1'"),
            (["--requests", "many"], "'many'"), (["--requests"], "--requests needs"), (["--fast"], "--fast"),
            (["https://a/"], "https://a/"), (["ftp://a/"], "ftp://a/"), (["a"], "'a'"),
            (["--directory", ".", "http://a/"], "--directory"),
        ]
    )
    func refused(_ arguments: [String], _ word: String) {
        let error = #expect(throws: WrongInput.self) { try TourOptions.parse(arguments) }
        #expect(error?.description.contains(word) == true)
        #expect(error?.description.contains("\n") == false)
    }
}
