//! The small process that starts one task, outlives the agent, and keeps how the task ended.
//!
//! It runs without threads and without an async runtime, in a session of its own. Everything it needs is in the
//! task's run folder, and everything it has to say goes there; it knows nothing of the agent.

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use model::ExitStatus;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Gid, Pid, Uid, User};

use crate::containerizer::run_folder::{Claim, End, Plan, RunFolder};
use crate::proc::{ProcessName, descendants, kill_hard};
use crate::sandbox::{Output, open_for_writing};

/// What the agent reads from the supervising process's standard output when the command has been executed.
pub(crate) const RUNNING_LINE: &str = "running";
/// The hidden subcommand.
pub(crate) const SUBCOMMAND: &str = "supervise";
/// With 0, this program's allocator takes no huge pages: they cost a supervising process 4 MB, and a launch half of its time.
/// The allocator tells the kernel, and children inherit that; tasks are given them back where this is set.
pub(crate) const ALLOW_HUGE_PAGES: &str = "MIMALLOC_ALLOW_THP";

/// Handed on to the task. SIGTERM is, too, but it also begins the grace.
const FORWARDED: [Signal; 5] = [Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2];
/// How often the killing is repeated while something does not die.
const KILL_AGAIN: Duration = Duration::from_millis(200);
/// How long to go on killing what the command left behind.
const LEFTOVERS_LIMIT: Duration = Duration::from_secs(10);
const LEFTOVERS_PAUSE: Duration = Duration::from_millis(5);

/// The entry point of `bayplan supervise FOLDER`; `args` is what follows the subcommand. Call it first thing in
/// `main`, before a runtime or any thread is made.
#[must_use]
pub fn supervise_main(mut args: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    let (Some(folder), None) = (args.next(), args.next()) else {
        eprintln!("this subcommand is for the agent's own use: it supervises one task");
        return ExitCode::from(2);
    };
    let run = RunFolder::at(PathBuf::from(folder));
    match supervise(&run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot supervise the task of {}: {error}", run.path().display());
            ExitCode::FAILURE
        }
    }
}

fn supervise(run: &RunFolder) -> io::Result<()> {
    // A signal that arrives from now on waits until it can be handed on.
    let signals = block_signals()?;
    // Fails for the leader of a process group, which is as far from a terminal's reach as it needs to be.
    let _ = nix::unistd::setsid();
    prctl::set_name(c"bayplan-task")?;
    // Whatever the command leaves behind becomes our child, so nothing escapes.
    prctl::set_child_subreaper(true)?;
    std::env::set_current_dir("/")?;
    let plan = run.plan()?.ok_or_else(|| io::Error::other("there is no plan"))?;
    if !run.make_claim(&Claim::Supervisor(ProcessName::of_self()?))? {
        return Ok(());
    }
    let end = match start(&plan) {
        Ok(main) => {
            run.set_running(main.as_raw())?;
            // The agent may be gone, which is no reason to stop.
            let _ = writeln!(io::stdout(), "{RUNNING_LINE}");
            let status = watch(run, &plan, &signals, main)?;
            kill_leftovers(&plan);
            let out_of_memory = plan.cgroup.as_ref().is_some_and(|group| group.oom_kills() > 0);
            End::Exited { status, out_of_memory }
        }
        Err(message) => End::NotStarted { message },
    };
    // The group goes last: the end is what must not be lost.
    run.set_end(&end)?;
    if let Some(group) = &plan.cgroup {
        group.remove();
    }
    Ok(())
}

fn block_signals() -> io::Result<SignalFd> {
    let mut all = SigSet::empty();
    all.add(Signal::SIGTERM);
    all.add(Signal::SIGCHLD);
    FORWARDED.into_iter().for_each(|signal| all.add(signal));
    all.thread_block()?;
    Ok(SignalFd::with_flags(&all, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?)
}

/// Executes the command; the error is for people.
fn start(plan: &Plan) -> Result<Pid, String> {
    let Some((program, arguments)) = plan.command.split_first() else { return Err("there is no command".to_owned()) };
    let output = |output: Output| {
        open_for_writing(&plan.sandbox, output).map_err(|error| format!("cannot open {}: {error}", output.file_name()))
    };
    let (stdout, stderr) = (output(Output::Stdout)?, output(Output::Stderr)?);
    let account = plan.user.as_deref().map(Account::find).transpose()?;
    if let Some(account) = &account {
        account.give(plan, [&stdout, &stderr])?;
    }
    let entrances = plan.cgroup.as_ref().map_or_else(|| Ok(Vec::new()), |group| group.entrances());
    let entrances = entrances.map_err(|error| format!("cannot open the task's cgroup: {error}"))?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(&plan.env).current_dir(&plan.sandbox);
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    let supervisor = Pid::this();
    let gives_huge_pages_back = std::env::var_os(ALLOW_HUGE_PAGES).is_some();
    let become_task = move || become_task(&entrances, account.as_ref(), supervisor, gives_huge_pages_back);
    #[expect(
        unsafe_code,
        reason = "there is no safe way to act between fork and exec; this process has one thread, \
                                    and what is called is system calls only"
    )]
    unsafe {
        command.pre_exec(become_task);
    }
    match command.spawn() {
        Ok(child) => Ok(Pid::from_raw(i32::try_from(child.id()).map_err(|error| error.to_string())?)),
        Err(error) => Err(format!("cannot execute {program}: {error}")),
    }
}

/// Runs in the new process, between fork and exec. The order matters: the group while we may still enter it, the
/// death signal after the change of user, which would clear it.
fn become_task(
    entrances: &[File],
    account: Option<&Account>,
    supervisor: Pid,
    gives_huge_pages_back: bool,
) -> io::Result<()> {
    for entrance in entrances {
        nix::unistd::write(entrance, b"0")?;
    }
    nix::unistd::setsid()?;
    if let Some(account) = account {
        account.become_it()?;
    }
    if gives_huge_pages_back {
        // Where the kernel knows nothing of it, nothing was taken away.
        let _ = prctl::set_thp_disable(false);
    }
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    if nix::unistd::getppid() != supervisor {
        // It died before the line above.
        return Err(Errno::ESRCH.into());
    }
    SigSet::empty().thread_set_mask()?;
    Ok(())
}

/// The user that a task runs as.
struct Account {
    uid: Uid,
    gid: Gid,
    /// Empty when it is the user that we are already.
    groups: Vec<Gid>,
    change: bool,
}

impl Account {
    fn find(name: &str) -> Result<Self, String> {
        let found = User::from_name(name).map_err(|errno| format!("cannot look up user {name}: {errno}"))?;
        let user = found.ok_or_else(|| format!("there is no user {name} on this machine"))?;
        if user.uid == nix::unistd::geteuid() && !user.uid.is_root() {
            return Ok(Self { uid: user.uid, gid: user.gid, groups: Vec::new(), change: false });
        }
        if !nix::unistd::geteuid().is_root() {
            return Err(format!("cannot run as user {name}: only an agent that runs as root may change the user"));
        }
        let c_name = CString::new(name).map_err(|error| error.to_string())?;
        let groups = nix::unistd::getgrouplist(&c_name, user.gid);
        let groups = groups.map_err(|errno| format!("cannot look up the groups of user {name}: {errno}"))?;
        Ok(Self { uid: user.uid, gid: user.gid, groups, change: true })
    }

    /// Makes the sandbox the task's own.
    fn give(&self, plan: &Plan, outputs: [&File; 2]) -> Result<(), String> {
        let (uid, gid) = (Some(self.uid.as_raw()), Some(self.gid.as_raw()));
        let given = std::os::unix::fs::chown(&plan.sandbox, uid, gid)
            .and_then(|()| outputs.iter().try_for_each(|file| std::os::unix::fs::fchown(file, uid, gid)));
        given.map_err(|error| format!("cannot give the sandbox to its user: {error}"))
    }

    fn become_it(&self) -> nix::Result<()> {
        if !self.change {
            return Ok(());
        }
        nix::unistd::setgroups(&self.groups)?;
        nix::unistd::setgid(self.gid)?;
        nix::unistd::setuid(self.uid)
    }
}

/// Waits for the command's end, and hands signals on meanwhile.
fn watch(run: &RunFolder, plan: &Plan, signals: &SignalFd, main: Pid) -> io::Result<ExitStatus> {
    let mut deadline: Option<Instant> = None;
    loop {
        if let Some(status) = reap(main)? {
            return Ok(status);
        }
        let now = Instant::now();
        if deadline.is_some_and(|deadline| deadline <= now) {
            kill_everything(plan);
            deadline = Some(now + KILL_AGAIN);
        }
        wait_readable(signals, deadline.map(|deadline| deadline - now))?;
        while let Some(info) = signals.read_signal()? {
            let signal = Signal::try_from(info.ssi_signo.cast_signed())?;
            if signal == Signal::SIGTERM {
                let grace_ms = run.grace_ms().ok().flatten().unwrap_or(plan.kill_grace_ms);
                let asked = Instant::now() + Duration::from_millis(grace_ms);
                deadline = Some(deadline.map_or(asked, |before| before.min(asked)));
            }
            if signal != Signal::SIGCHLD {
                // The whole group; it may be gone already.
                let _ = killpg(main, signal);
            }
        }
    }
}

fn wait_readable(signals: &SignalFd, at_most: Option<Duration>) -> io::Result<()> {
    let timeout = at_most.map_or(PollTimeout::NONE, |wait| {
        // A millisecond more, so that the deadline has passed when it is over.
        PollTimeout::try_from(wait + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX)
    });
    match poll(&mut [PollFd::new(signals.as_fd(), PollFlags::POLLIN)], timeout) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Takes in every child that has ended; the command's own status, when it is one of them.
fn reap(main: Pid) -> io::Result<Option<ExitStatus>> {
    loop {
        match waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == main => return Ok(Some(ExitStatus::Code(code))),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == main => {
                return Ok(Some(ExitStatus::Signal(signal as i32)));
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return Ok(None),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn kill_everything(plan: &Plan) {
    descendants(Pid::this()).into_iter().for_each(kill_hard);
    if let Some(group) = &plan.cgroup {
        group.kill_all();
    }
}

/// A task is over when its command is: what it left running is ended, too. As a rule that is nothing, and then the
/// processes of the machine need not be searched for it.
fn kill_leftovers(plan: &Plan) {
    let give_up = Instant::now() + LEFTOVERS_LIMIT;
    while has_children() {
        kill_everything(plan);
        if Instant::now() > give_up {
            return;
        }
        std::thread::sleep(LEFTOVERS_PAUSE);
    }
    // Whoever is in the group and is no descendant was put there by somebody else, but with the task it ends.
    if let Some(group) = &plan.cgroup {
        group.kill_all();
    }
}

/// Takes in every child that has ended. Without a child there is no descendant: those that lose their parent are ours.
fn has_children() -> bool {
    loop {
        match waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)) {
            Err(Errno::ECHILD) => return false,
            Ok(WaitStatus::StillAlive) => return true,
            _ => {}
        }
    }
}
