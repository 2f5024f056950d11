// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

// Documentation only: the package manager wants a source file before it sees the catalog beside this one.
