/*
 * Firmware that is all of a guest: for tests of capture and restore where no kernel boots. Each processor counts, in a loop and by the interrupts of its
 * local timer, and nothing but these counters tells what became of it:
 *
 *   0x500 + 4 n   rounds of the loop of processor n
 *   0x600 + 4 n   its timer interrupts, of which there are about a thousand a second
 *
 * It copies itself to RAM first and runs there, since a process that waits for a device state has not loaded its firmware. Linked for that place.
 */
.set HERE, 0x1000
.set STACKS, 0x8000
.set LOCAL_APIC, 0xfee00000
.set TIMER_VECTOR, 0x40

.code16
.global start
/* Where the firmware begins, in ROM and in RAM; other processors are started here as well, and copy the same bytes again. */
start:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %es
    movw $0xf000, %ax
    movw %ax, %ds
    xorw %si, %si
    movw $HERE, %di
    movw $0x800, %cx
    rep movsw
    ljmp $0, $entry

entry:
    xorw %ax, %ax
    movw %ax, %ds
    lgdtl descriptors_pointer
    movl %cr0, %eax
    orl $1, %eax
    movl %eax, %cr0
    ljmpl $8, $protected

.code32
protected:
    movw $16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    lidt interrupts_pointer
    movl $LOCAL_APIC, %ebx
    /* Its number, which stays in %esi. */
    movl 0x20(%ebx), %esi
    shrl $24, %esi
    leal 1(%esi), %esp
    shll $8, %esp
    addl $STACKS, %esp
    /* On; the timer counts down from a million at its full rate, again and again. */
    movl $0x1ff, 0xf0(%ebx)
    movl $0x0b, 0x3e0(%ebx)
    movl $(0x20000 | TIMER_VECTOR), 0x320(%ebx)
    movl $1000000, 0x380(%ebx)
    testl %esi, %esi
    jnz count
    /* The first wakes all others: INIT, a while, start at page HERE. */
    movl $0xc4500, 0x300(%ebx)
    movl $1000000, %ecx
1:  loop 1b
    movl $(0xc4600 | HERE >> 12), 0x300(%ebx)
count:
    sti
1:  incl 0x500(,%esi,4)
    jmp 1b

/* Back to the loop, which needs no flags, without `iret`: a KVM that has to emulate it cannot. `sti` holds for one more instruction. */
tick:
    incl 0x600(,%esi,4)
    movl $0, 0xb0(%ebx)
    popl %eax
    addl $8, %esp
    sti
    jmp *%eax

.balign 8
descriptors:
    .quad 0
    .quad 0x00cf9a000000ffff
    .quad 0x00cf92000000ffff
descriptors_pointer:
    .word . - descriptors - 1
    .long descriptors

.balign 8
interrupts:
    .fill TIMER_VECTOR, 8, 0
    .word tick, 8, 0x8e00, 0
interrupts_pointer:
    .word interrupts_pointer - interrupts - 1
    .long interrupts

/* Where a processor begins after a reset. */
.org 0xfff0
    .byte 0xea
    .word 0, 0xf000
.org 0x10000
