// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
#ifndef SY_ASSEMBLY_H
#define SY_ASSEMBLY_H

// Mach-O puts an underscore before every C symbol; ELF does not.
#if defined(__APPLE__)
#define SY_SYMBOL(name) _##name
#else
#define SY_SYMBOL(name) name
#endif

#endif
