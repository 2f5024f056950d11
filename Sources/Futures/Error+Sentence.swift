// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

// Descriptions of errors are whole sentences here, and mostly words elsewhere: a text that goes on after one asks for what
// it needs.

extension Error {
    /// The description with one mark at its end, for another sentence to follow.
    package var sentence: String {
        let text = "\(self)"
        return text.last.map { ".!?".contains($0) } == true ? text : text + "."
    }

    /// The description without a period at its end, for the same sentence to go on.
    package var phrase: String {
        let text = "\(self)"
        return text.hasSuffix(".") ? String(text.dropLast()) : text
    }
}
