// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
#if defined(__x86_64__) && !defined(SY_THREADS_ONLY)

#include "sy_assembly.h"

// The frame a suspended context leaves on its stack, from the saved stack pointer upwards:
//    0 scratch (4 bytes), x87 control word (2 bytes), padding    8 r15   16 r14   24 r13   32 r12
//   40 rbx   48 rbp   56 resume address
// `sy_frame_prepare` in sy_frame.c writes the same frame for a context that has not started.

    .text

// void *sy_switch(void **save, void *resume, void *payload)
//
// The swap, up to the way out. In real code both sides leave through the same few functions: the return predictor, which
// pairs calls with returns, then guesses `ret` right, and the returns of all the frames above it. A jump would leave the
// predictor one call ahead, and every one of those returns would miss (measured in a hub's yield: 18 ns against 50). Two
// loops that do nothing but switch to each other are the one case in which the jump wins (3.3 ns against 9 or more); it is
// kept for `sy_context_switch_raw`. `notrack` because a return address carries no landing pad under indirect branch
// tracking.
.macro SY_SWAP leave
    .cfi_startproc
    endbr64
    // Into the slot it will have once the registers are pushed. First, because it takes longest to be readable.
    fnstcw -52(%rsp)
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    pushq %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r12, 0
    pushq %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r13, 0
    pushq %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r14, 0
    pushq %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r15, 0
    leaq -8(%rsp), %rsp
    .cfi_adjust_cfa_offset 8
    // Floating-point control is kept by its x87 word. Whatever <fenv.h> changes, it changes there and in MXCSR alike, so
    // equal words mean equal modes, and MXCSR is brought in line only when they differ. Reading MXCSR in every switch, as
    // the calling convention has it, costs more than the rest of the switch on some processors (AMD Zen 3: 5 ns). What
    // only MXCSR knows, flushing of denormals, stays with the thread.
    movzwl 4(%rsp), %eax
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    cmpw 4(%rsp), %ax
    jne 22f
11:
    .cfi_remember_state
    leaq 8(%rsp), %rsp
    .cfi_adjust_cfa_offset -8
    popq %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r15
    popq %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r14
    popq %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r13
    popq %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    popq %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    popq %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbp
    .ifc \leave, jump
    popq %rcx
    .cfi_adjust_cfa_offset -8
    .cfi_register %rip, %rcx
    movq %rdx, %rax
    notrack jmp *%rcx
    .else
    movq %rdx, %rax
    retq
    .endif
    .cfi_restore_state
22:
    // Exception masks are bits 0 to 5 there and 7 to 12 here, the rounding direction 10 and 11, and 13 and 14.
    fldcw 4(%rsp)
    movzwl 4(%rsp), %eax
    movl %eax, %ecx
    andl $0x3f, %eax
    shll $7, %eax
    andl $0xc00, %ecx
    shll $3, %ecx
    orl %eax, %ecx
    stmxcsr (%rsp)
    movl (%rsp), %eax
    andl $0xffff807f, %eax
    orl %ecx, %eax
    movl %eax, (%rsp)
    ldmxcsr (%rsp)
    jmp 11b
    .cfi_endproc
.endm

    .globl SY_SYMBOL(sy_switch)
#if defined(__APPLE__)
    .private_extern SY_SYMBOL(sy_switch)
#else
    .hidden sy_switch
    .type sy_switch,@function
#endif
    .p2align 5
SY_SYMBOL(sy_switch):
    SY_SWAP return
#if !defined(__APPLE__)
    .size sy_switch, . - sy_switch
#endif

    .globl SY_SYMBOL(sy_switch_jumping)
#if defined(__APPLE__)
    .private_extern SY_SYMBOL(sy_switch_jumping)
#else
    .hidden sy_switch_jumping
    .type sy_switch_jumping,@function
#endif
    .p2align 5
SY_SYMBOL(sy_switch_jumping):
    SY_SWAP jump
#if !defined(__APPLE__)
    .size sy_switch_jumping, . - sy_switch_jumping
#endif

// First instruction of every context: rbx holds the context. The return address is declared undefined, and rbp is
// zero, so that unwinders of both kinds stop here.
    .globl SY_SYMBOL(sy_start)
#if defined(__APPLE__)
    .private_extern SY_SYMBOL(sy_start)
#else
    .hidden sy_start
    .type sy_start,@function
#endif
    .p2align 4
SY_SYMBOL(sy_start):
    .cfi_startproc
    .cfi_undefined %rip
    endbr64
    movq %rbx, %rdi
    callq SY_SYMBOL(sy_context_main)
    ud2
    .cfi_endproc
#if !defined(__APPLE__)
    .size sy_start, . - sy_start
#endif

// uint64_t sy_fp_control(void): the caller's control word, laid out as in the frame.
    .globl SY_SYMBOL(sy_fp_control)
#if defined(__APPLE__)
    .private_extern SY_SYMBOL(sy_fp_control)
#else
    .hidden sy_fp_control
    .type sy_fp_control,@function
#endif
    .p2align 4
SY_SYMBOL(sy_fp_control):
    .cfi_startproc
    endbr64
    fnstcw -8(%rsp)
    movzwl -8(%rsp), %eax
    shlq $32, %rax
    retq
    .cfi_endproc
#if !defined(__APPLE__)
    .size sy_fp_control, . - sy_fp_control

// Indirect branch tracking is met; shadow stacks are not (a switch leaves by a jump), so that bit stays clear and the
// linker keeps them off for the whole image.
    .section .note.gnu.property,"a"
    .p2align 3
    .long 4
    .long 16
    .long 5
    .asciz "GNU"
    .long 0xc0000002
    .long 4
    .long 1
    .long 0
#endif

#endif

#if defined(__ELF__)
    .section .note.GNU-stack,"",%progbits
#endif
