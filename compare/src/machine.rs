//! What was measured, and on what.

use std::process::Command;

use serde::Serialize;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// The packages whose versions the report names, as in the lock file.
const PACKAGES: [&str; 10] = [
    "splitmap",
    "dashmap",
    "papaya",
    "scc",
    "flurry",
    "kovan-map",
    "parking_lot",
    "arc-swap",
    "evmap",
    "foldhash",
];

/// The lock file that this program was built by.
const LOCK: &str = include_str!("../../Cargo.lock");

/// The machine, the date and the versions.
#[derive(Serialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_gib: u64,
    pub system: String,
    pub architecture: &'static str,
    pub rustc: String,
    /// Of the repository, where that is known.
    pub commit: String,
    pub date: String,
    /// Threads of other programs that wanted to run when this one began.
    pub busy: f64,
    pub versions: Vec<String>,
    /// What the command line said.
    pub options: String,
    #[serde(skip)]
    pub available_memory: u64,
}

impl Machine {
    /// This machine, now.
    pub fn here(cores: usize, options: String) -> Self {
        let kinds = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing())
            .with_memory(MemoryRefreshKind::everything());
        let system = System::new_with_specifics(kinds);
        let brand = system
            .cpus()
            .first()
            .map(|cpu| cpu.brand().trim().to_string());
        Self {
            processor: brand
                .filter(|brand| !brand.is_empty())
                .unwrap_or("unknown processor".into()),
            cores,
            memory_gib: (system.total_memory() + (1 << 29)) >> 30,
            system: System::long_os_version().unwrap_or(std::env::consts::OS.into()),
            architecture: std::env::consts::ARCH,
            rustc: said("rustc", &["--version"]),
            commit: said(
                "git",
                &["describe", "--always", "--dirty", "--exclude", "*"],
            ),
            date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
            busy: System::load_average().one,
            versions: PACKAGES.iter().flat_map(|name| versions(name)).collect(),
            options,
            available_memory: system.available_memory(),
        }
    }

    /// What is to be said if other programs were at work.
    pub fn warning(&self) -> Option<String> {
        let Self { busy, cores, .. } = self;
        let words = format!(
            "Other programs were at work when this began (load {busy:.1} on {cores} cores): the figures are \
             not to be relied on."
        );
        (*busy > 0.5).then_some(words)
    }

    /// One line.
    pub fn line(&self) -> String {
        let Self {
            processor,
            cores,
            memory_gib,
            system,
            date,
            rustc,
            ..
        } = self;
        format!("{date}: {processor}, {cores} cores, {memory_gib} GiB, {system}, {rustc}")
    }
}

/// The first line of what a program prints.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.unwrap_or_default()
        .lines()
        .next()
        .unwrap_or("unknown")
        .to_string()
}

/// The versions of a package in the lock file.
fn versions(name: &str) -> Vec<String> {
    let start = format!("name = \"{name}\"");
    let lines = LOCK.lines().zip(LOCK.lines().skip(1));
    let found = lines.filter(|(line, _)| *line == start);
    found
        .filter_map(|(_, next)| next.strip_prefix("version = \"")?.strip_suffix('"'))
        .map(|version| format!("{name} {version}"))
        .collect()
}
