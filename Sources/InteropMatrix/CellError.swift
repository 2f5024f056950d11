// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// The failure that a source reports when it is told to fail.
struct CellError: Error {}
