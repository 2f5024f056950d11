// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0
#if defined(__APPLE__)
#define SYMBOL(name) _##name
#else
#define SYMBOL(name) name
#endif

// int registers_after(void (*function)(void *), void *argument, uint64_t seed)
//
// Fills every callee-saved register with a value of its own derived from `seed`, calls the function and returns a bit
// set of the registers that came back changed.
    .text
    .globl SYMBOL(registers_after)
    .p2align 4
SYMBOL(registers_after):
    .cfi_startproc
#if defined(__x86_64__)
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
    pushq %rdx
    .cfi_adjust_cfa_offset 8
    movq %rdi, %rax
    movq %rsi, %rdi
    leaq 1(%rdx), %rbp
    leaq 2(%rdx), %rbx
    leaq 3(%rdx), %r12
    leaq 4(%rdx), %r13
    leaq 5(%rdx), %r14
    leaq 6(%rdx), %r15
    callq *%rax
    movq (%rsp), %rdx
    xorl %eax, %eax
    leaq 1(%rdx), %rcx
    cmpq %rcx, %rbp
    je 1f
    orl $1, %eax
1:  leaq 2(%rdx), %rcx
    cmpq %rcx, %rbx
    je 1f
    orl $2, %eax
1:  leaq 3(%rdx), %rcx
    cmpq %rcx, %r12
    je 1f
    orl $4, %eax
1:  leaq 4(%rdx), %rcx
    cmpq %rcx, %r13
    je 1f
    orl $8, %eax
1:  leaq 5(%rdx), %rcx
    cmpq %rcx, %r14
    je 1f
    orl $16, %eax
1:  leaq 6(%rdx), %rcx
    cmpq %rcx, %r15
    je 1f
    orl $32, %eax
1:  leaq 8(%rsp), %rsp
    .cfi_adjust_cfa_offset -8
    popq %r15
    .cfi_adjust_cfa_offset -8
    popq %r14
    .cfi_adjust_cfa_offset -8
    popq %r13
    .cfi_adjust_cfa_offset -8
    popq %r12
    .cfi_adjust_cfa_offset -8
    popq %rbx
    .cfi_adjust_cfa_offset -8
    popq %rbp
    .cfi_adjust_cfa_offset -8
    retq
#elif defined(__aarch64__)
    stp x29, x30, [sp, #-176]!
    .cfi_def_cfa_offset 176
    .cfi_offset x29, -176
    .cfi_offset x30, -168
    stp x19, x20, [sp, #16]
    stp x21, x22, [sp, #32]
    stp x23, x24, [sp, #48]
    stp x25, x26, [sp, #64]
    stp x27, x28, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    str x2, [sp, #160]
    mov x9, x0
    mov x0, x1
    mov x29, sp
.macro FILL register, number
    add x10, x2, #\number
    mov x\register, x10
.endm
.macro FILL_FP register, number
    add x10, x2, #\number
    fmov d\register, x10
.endm
    FILL 19, 1
    FILL 20, 2
    FILL 21, 3
    FILL 22, 4
    FILL 23, 5
    FILL 24, 6
    FILL 25, 7
    FILL 26, 8
    FILL 27, 9
    FILL 28, 10
    FILL_FP 8, 11
    FILL_FP 9, 12
    FILL_FP 10, 13
    FILL_FP 11, 14
    FILL_FP 12, 15
    FILL_FP 13, 16
    FILL_FP 14, 17
    FILL_FP 15, 18
    blr x9
    ldr x2, [sp, #160]
    mov w0, wzr
.macro TEST register, number
    add x10, x2, #\number
    cmp x10, x\register
    cset w11, ne
    orr w0, w0, w11, lsl #\number
.endm
.macro TEST_FP register, number
    add x10, x2, #\number
    fmov x12, d\register
    cmp x10, x12
    cset w11, ne
    orr w0, w0, w11, lsl #\number
.endm
    TEST 19, 1
    TEST 20, 2
    TEST 21, 3
    TEST 22, 4
    TEST 23, 5
    TEST 24, 6
    TEST 25, 7
    TEST 26, 8
    TEST 27, 9
    TEST 28, 10
    TEST_FP 8, 11
    TEST_FP 9, 12
    TEST_FP 10, 13
    TEST_FP 11, 14
    TEST_FP 12, 15
    TEST_FP 13, 16
    TEST_FP 14, 17
    TEST_FP 15, 18
    mov x10, sp
    cmp x29, x10
    cset w11, ne
    orr w0, w0, w11, lsl #19
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
    ret
#endif
    .cfi_endproc

#if defined(__ELF__)
    .section .note.GNU-stack,"",%progbits
#endif
