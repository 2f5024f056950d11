// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
#if defined(__aarch64__) && !defined(SY_THREADS_ONLY)

#include "sy_assembly.h"

// The frame a suspended context leaves on its stack, from the saved stack pointer upwards (176 bytes):
//    0 x29   8 x30 (resume address)   16 x19 … 88 x28   96 d8 … 152 d15   160 FPCR   168 padding
// `sy_frame_prepare` in sy_frame.c writes the same frame for a context that has not started.

    .text

// void *sy_switch(void **save, void *resume, void *payload)
//
// `ret` and not `br`: a branch would need a landing pad at the return address where branch targets are enforced.
    .globl SY_SYMBOL(sy_switch)
#if defined(__APPLE__)
    .private_extern SY_SYMBOL(sy_switch)
#else
    .hidden sy_switch
    .type sy_switch,%function
#endif
    .p2align 5
SY_SYMBOL(sy_switch):
    .cfi_startproc
    hint #34 // bti c
    stp x29, x30, [sp, #-176]!
    .cfi_def_cfa_offset 176
    .cfi_offset x29, -176
    .cfi_offset x30, -168
    stp x19, x20, [sp, #16]
    .cfi_offset x19, -160
    .cfi_offset x20, -152
    stp x21, x22, [sp, #32]
    .cfi_offset x21, -144
    .cfi_offset x22, -136
    stp x23, x24, [sp, #48]
    .cfi_offset x23, -128
    .cfi_offset x24, -120
    stp x25, x26, [sp, #64]
    .cfi_offset x25, -112
    .cfi_offset x26, -104
    stp x27, x28, [sp, #80]
    .cfi_offset x27, -96
    .cfi_offset x28, -88
    stp d8, d9, [sp, #96]
    .cfi_offset d8, -80
    .cfi_offset d9, -72
    stp d10, d11, [sp, #112]
    .cfi_offset d10, -64
    .cfi_offset d11, -56
    stp d12, d13, [sp, #128]
    .cfi_offset d12, -48
    .cfi_offset d13, -40
    stp d14, d15, [sp, #144]
    .cfi_offset d14, -32
    .cfi_offset d15, -24
    mrs x9, fpcr
    str x9, [sp, #160]
    mov x10, sp
    str x10, [x0]
    mov sp, x1
    ldr x11, [sp, #160]
    // Writing FPCR serialises the floating-point unit, and two contexts rarely differ.
    cmp x9, x11
    b.eq 1f
    msr fpcr, x11
1:
    mov x0, x2
    ldp x19, x20, [sp, #16]
    ldp x21, x22, [sp, #32]
    ldp x23, x24, [sp, #48]
    ldp x25, x26, [sp, #64]
    ldp x27, x28, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    ldp x29, x30, [sp], #176
    .cfi_def_cfa_offset 0
    .cfi_restore x29
    .cfi_restore x30
    .cfi_restore x19
    .cfi_restore x20
    .cfi_restore x21
    .cfi_restore x22
    .cfi_restore x23
    .cfi_restore x24
    .cfi_restore x25
    .cfi_restore x26
    .cfi_restore x27
    .cfi_restore x28
    .cfi_restore d8
    .cfi_restore d9
    .cfi_restore d10
    .cfi_restore d11
    .cfi_restore d12
    .cfi_restore d13
    .cfi_restore d14
    .cfi_restore d15
    ret
    .cfi_endproc
#if !defined(__APPLE__)
    .size sy_switch, . - sy_switch
#endif

// First instruction of every context: x19 holds the context. The return address is declared undefined, and x29 and
// x30 are zero, so that unwinders of both kinds stop here.
    .globl SY_SYMBOL(sy_start)
#if defined(__APPLE__)
    .private_extern SY_SYMBOL(sy_start)
#else
    .hidden sy_start
    .type sy_start,%function
#endif
    .p2align 4
SY_SYMBOL(sy_start):
    .cfi_startproc
    .cfi_undefined x30
    hint #38 // bti jc
    mov x29, xzr
    mov x30, xzr
    mov x0, x19
    bl SY_SYMBOL(sy_context_main)
    brk #1
    .cfi_endproc
#if !defined(__APPLE__)
    .size sy_start, . - sy_start
#endif

// uint64_t sy_fp_control(void): the caller's control word.
    .globl SY_SYMBOL(sy_fp_control)
#if defined(__APPLE__)
    .private_extern SY_SYMBOL(sy_fp_control)
#else
    .hidden sy_fp_control
    .type sy_fp_control,%function
#endif
    .p2align 4
SY_SYMBOL(sy_fp_control):
    .cfi_startproc
    hint #34 // bti c
    mrs x0, fpcr
    ret
    .cfi_endproc
#if !defined(__APPLE__)
    .size sy_fp_control, . - sy_fp_control

// Branch targets are marked; return addresses are not signed, so that bit stays clear.
    .section .note.gnu.property,"a"
    .p2align 3
    .long 4
    .long 16
    .long 5
    .asciz "GNU"
    .long 0xc0000000
    .long 4
    .long 1
    .long 0
#endif

#endif

#if defined(__ELF__)
    .section .note.GNU-stack,"",%progbits
#endif
