/* See confinement.h. The filter is a program for the kernel's classic BPF machine, written from the
 * table: every row becomes a comparison with the number of the system call, and what follows it
 *
 *     CONFINED_NEVER    refuse
 *     CONFINED_SELF     allow when the first argument is our own process, or 0; else refuse
 *     CONFINED_THREAD   allow when the flags in the first argument make a thread; else refuse
 *     CONFINED_ABSENT   there is no such call: clone3, whose flags a filter cannot see; the C
 *                       library then takes clone
 *
 * The kernel keeps a map of calls that are allowed whatever their arguments are, so that the length
 * of the table costs the others nothing. */
#include "runtime/main/confinement.h"

#include "log/base/error.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
static const uint32_t confinement_architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
static const uint32_t confinement_architecture = AUDIT_ARCH_AARCH64;
#else
static const uint32_t confinement_architecture = 0; /* no table was written for this one */
#endif
static const uint32_t foreign_number = 0x40000000; /* calls of the x32 kind begin here */

enum confined {
    CONFINED_NEVER,
    CONFINED_SELF,
    CONFINED_THREAD,
    CONFINED_ABSENT,
};

static const struct {
    uint16_t number;
    uint8_t how; /* enum confined */
} confined_calls[] = {
    /* Programs and processes. */
    {SYS_execve, CONFINED_NEVER},
    {SYS_execveat, CONFINED_NEVER},
    {SYS_clone, CONFINED_THREAD},
    {SYS_clone3, CONFINED_ABSENT},
#if defined(__x86_64__)
    {SYS_fork, CONFINED_NEVER},
    {SYS_vfork, CONFINED_NEVER},
    {SYS_iopl, CONFINED_NEVER},
    {SYS_ioperm, CONFINED_NEVER},
    {SYS_modify_ldt, CONFINED_NEVER},
#endif
    {SYS_ptrace, CONFINED_NEVER},
    {SYS_process_vm_readv, CONFINED_NEVER},
    {SYS_process_vm_writev, CONFINED_NEVER},
    {SYS_process_madvise, CONFINED_NEVER},
    {SYS_kcmp, CONFINED_NEVER},
    {SYS_kill, CONFINED_SELF},
    {SYS_tgkill, CONFINED_SELF},
    {SYS_tkill, CONFINED_NEVER},
    {SYS_rt_sigqueueinfo, CONFINED_SELF},
    {SYS_rt_tgsigqueueinfo, CONFINED_SELF},
    {SYS_pidfd_open, CONFINED_NEVER},
    {SYS_pidfd_getfd, CONFINED_NEVER},
    {SYS_pidfd_send_signal, CONFINED_NEVER},
    {SYS_prlimit64, CONFINED_SELF},
    {SYS_perf_event_open, CONFINED_NEVER},
    {SYS_userfaultfd, CONFINED_NEVER},
    /* What does other calls past the filter. */
    {SYS_io_uring_setup, CONFINED_NEVER},
    {SYS_io_uring_enter, CONFINED_NEVER},
    {SYS_io_uring_register, CONFINED_NEVER},
    /* The system. */
    {SYS_bpf, CONFINED_NEVER},
    {SYS_init_module, CONFINED_NEVER},
    {SYS_finit_module, CONFINED_NEVER},
    {SYS_delete_module, CONFINED_NEVER},
    {SYS_kexec_load, CONFINED_NEVER},
    {SYS_kexec_file_load, CONFINED_NEVER},
    {SYS_reboot, CONFINED_NEVER},
    {SYS_swapon, CONFINED_NEVER},
    {SYS_swapoff, CONFINED_NEVER},
    {SYS_acct, CONFINED_NEVER},
    {SYS_syslog, CONFINED_NEVER},
    {SYS_settimeofday, CONFINED_NEVER},
    {SYS_clock_settime, CONFINED_NEVER},
    {SYS_adjtimex, CONFINED_NEVER},
    {SYS_clock_adjtime, CONFINED_NEVER},
    {SYS_sethostname, CONFINED_NEVER},
    {SYS_setdomainname, CONFINED_NEVER},
    {SYS_add_key, CONFINED_NEVER},
    {SYS_request_key, CONFINED_NEVER},
    {SYS_keyctl, CONFINED_NEVER},
    {SYS_fanotify_init, CONFINED_NEVER},
    /* Names of files and what they stand for. */
    {SYS_open_by_handle_at, CONFINED_NEVER},
    {SYS_setns, CONFINED_NEVER},
    {SYS_unshare, CONFINED_NEVER},
    {SYS_chroot, CONFINED_NEVER},
    {SYS_pivot_root, CONFINED_NEVER},
    {SYS_mount, CONFINED_NEVER},
    {SYS_umount2, CONFINED_NEVER},
    {SYS_mount_setattr, CONFINED_NEVER},
    {SYS_move_mount, CONFINED_NEVER},
    {SYS_open_tree, CONFINED_NEVER},
    {SYS_fsopen, CONFINED_NEVER},
    {SYS_fsconfig, CONFINED_NEVER},
    {SYS_fsmount, CONFINED_NEVER},
    {SYS_fspick, CONFINED_NEVER},
};

enum {
    CALL_COUNT = sizeof confined_calls / sizeof *confined_calls,
    ROW_SIZE_MAX = 6,
    FILTER_SIZE_MAX = 8 + CALL_COUNT * ROW_SIZE_MAX,
    FIRST_ARGUMENT = offsetof(struct seccomp_data, args) /* its lower half: little-endian */
};

struct confinement {
    struct sock_filter steps[FILTER_SIZE_MAX];
    uint16_t count;
};

static void confinement_add(struct confinement *filter, int code, uint32_t value, int yes, int no)
{
    check(filter->count < FILTER_SIZE_MAX);
    filter->steps[filter->count++] = (struct sock_filter){
        .code = (uint16_t)code, .k = value, .jt = (uint8_t)yes, .jf = (uint8_t)no};
}

static void confinement_load(struct confinement *filter, size_t offset)
{
    confinement_add(filter, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void confinement_refuse(struct confinement *filter, int error)
{
    confinement_add(filter, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error, 0, 0);
}

static void confinement_allow(struct confinement *filter)
{
    confinement_add(filter, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
}

/* One row; what it steps over when the number is another is as long as what it adds behind. */
static void confinement_add_row(struct confinement *filter, uint32_t number, enum confined how)
{
    const int equal = BPF_JMP | BPF_JEQ | BPF_K;
    switch (how) {
    case CONFINED_NEVER:
        confinement_add(filter, equal, number, 0, 1);
        confinement_refuse(filter, EPERM);
        break;
    case CONFINED_ABSENT:
        confinement_add(filter, equal, number, 0, 1);
        confinement_refuse(filter, ENOSYS);
        break;
    case CONFINED_SELF:
        confinement_add(filter, equal, number, 0, 5);
        confinement_load(filter, FIRST_ARGUMENT);
        confinement_add(filter, equal, (uint32_t)getpid(), 1, 0);
        confinement_add(filter, equal, 0, 0, 1);
        confinement_allow(filter);
        confinement_refuse(filter, EPERM);
        break;
    case CONFINED_THREAD:
        confinement_add(filter, equal, number, 0, 4);
        confinement_load(filter, FIRST_ARGUMENT);
        confinement_add(filter, BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 0, 1);
        confinement_allow(filter);
        confinement_refuse(filter, EPERM);
        break;
    }
}

static void confinement_write(struct confinement *filter)
{
    confinement_load(filter, offsetof(struct seccomp_data, arch));
    confinement_add(filter, BPF_JMP | BPF_JEQ | BPF_K, confinement_architecture, 1, 0);
    confinement_refuse(filter, EPERM);
    confinement_load(filter, offsetof(struct seccomp_data, nr));
    confinement_add(filter, BPF_JMP | BPF_JGE | BPF_K, foreign_number, 0, 1);
    confinement_refuse(filter, EPERM);
    for (size_t i = 0; i < CALL_COUNT; i++) {
        confinement_add_row(filter, confined_calls[i].number, confined_calls[i].how);
    }
    confinement_allow(filter);
}

int confinement_enter(void)
{
    const struct rlimit none = {0, 0};
    struct confinement filter = {.count = 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return ERROR_UNSUPPORTED;
    }
    if (confinement_architecture == 0) {
        return ERROR_UNSUPPORTED;
    }
    confinement_write(&filter);
    struct sock_fprog program = {.len = filter.count, .filter = filter.steps};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0
               ? 0
               : ERROR_UNSUPPORTED;
}
