//! What processes use, as the kernel counts it (proc(5)).

use std::{fs, io, time::Duration};

use nix::time::ClockId;

/// The kernel's tick for readers of /proc, whatever its own: USER_HZ, which is 100 on every machine that runs Postgres.
const TICK: Duration = Duration::from_millis(10);

/// One line of /proc/PID/stat.
struct Stat {
    parent: u32,
    /// user and system
    own: Duration,
    /// of children that have ended and were waited for
    children: Duration,
}

impl Stat {
    fn read(pid: u32) -> io::Result<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        Self::parse(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/stat: {text}")))
    }

    fn parse(text: &str) -> Option<Self> {
        // the name stands in brackets and may contain anything
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at)?.parse::<u32>().ok().map(|ticks| TICK * ticks);
        Some(Self { parent: fields.get(1)?.parse().ok()?, own: ticks(11)? + ticks(12)?, children: ticks(13)? + ticks(14)? })
    }
}

/// The CPU time of a process so far, all its threads together.
pub fn cpu(pid: u32) -> io::Result<Duration> {
    Stat::read(pid).map(|stat| stat.own)
}

/// The CPU time of a process and of its children, those that have ended too.
pub fn cpu_of_family(pid: u32) -> io::Result<Duration> {
    let first = Stat::read(pid)?;
    let all = fs::read_dir("/proc")?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let children = all.filter_map(|pid| Stat::read(pid).ok()).filter(|stat| stat.parent == pid);
    Ok(first.own + first.children + children.map(|stat| stat.own).sum::<Duration>())
}

/// The CPU time of this thread so far.
pub fn cpu_of_thread() -> io::Result<Duration> {
    Ok(ClockId::CLOCK_THREAD_CPUTIME_ID.now()?.into())
}

/// The memory of a process that is in RAM, in MiB.
pub fn resident(pid: u32) -> io::Result<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u32>().ok());
    kibibytes.map(|kibibytes| f64::from(kibibytes) / 1024.0).ok_or_else(|| io::Error::other(format!("no VmRSS of {pid}")))
}

/// The name that the processor gives itself.
pub fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_line_of_the_kernel_is_read_whatever_the_process_calls_itself() {
        let text = "4711 (a ) b) S 17 4711 4711 0 -1 4194304 100 0 0 0 250 50 10 5 20 0 1 0 1 1 1";
        let stat = Stat::parse(text).expect("a line");
        assert_eq!((stat.parent, stat.own, stat.children), (17, Duration::from_secs(3), Duration::from_millis(150)));
    }

    #[test]
    fn this_process_uses_time_and_memory_and_its_children_are_counted() {
        let this = std::process::id();
        let before = cpu_of_family(this).expect("a time");
        let began = cpu_of_thread().expect("a time");
        let burn = Command::new("sh").args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done"]).status();
        assert!(burn.expect("a shell").success());
        assert!(cpu_of_family(this).expect("a time") > before, "the shell's time is the family's");
        assert!(cpu_of_thread().expect("a time").saturating_sub(began) < Duration::from_secs(1), "and not this thread's");
        assert!(resident(this).expect("a size") > 1.0);
    }
}
