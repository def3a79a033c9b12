//! Plants each bug of `mutants/` in a scratch copy of the project, and expects a model to fail.
//!
//! A check that cannot fail is worth nothing; here the models show that they can. A bug is an
//! exact-text substitution, so that the code itself carries no trace of it. `mutants/README.md`
//! says how one is written; `run mutants` starts this program.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("mutants: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether every mutant was caught.
fn run(mut names: Vec<String>) -> Result<bool> {
    let mut flag = |flag: &str| {
        let before = names.len();
        names.retain(|name| name != flag);
        names.len() < before
    };
    let (quick, no_baseline) = (flag("quick"), flag("--no-baseline"));

    // Asked now: the build of a scratch copy may have left its binary where this one is looked for.
    let home = std::env::var_os("CARGO_MANIFEST_DIR");
    let home = home.map(PathBuf::from).ok_or("to be started by cargo")?;
    let mut mutants = read_all(&home.join("mutants"))?;
    if names.first().is_some_and(|name| name == "--table") {
        let log = names.get(1).map(fs::read_to_string).transpose()?;
        say(table(&mutants, log.as_deref().unwrap_or_default()).trim_end());
        return Ok(true);
    }
    if let Some(name) = names.iter().find(|n| mutants.iter().all(|m| m.name != **n)) {
        return Err(format!("there is no mutants/{name}.mutant").into());
    }
    mutants.retain(|m| names.is_empty() || names.contains(&m.name));
    mutants.retain(|m| !quick || m.quick);
    if mutants.is_empty() {
        return Err("no mutant is selected".into());
    }

    let scratch = Scratch::copy_of(home.parent().expect("the package has a parent folder"))?;
    if !no_baseline && !baseline(&scratch, &mutants)? {
        return Ok(false);
    }
    let (mut passed, mut failed) = (0, 0);
    for mutant in &mutants {
        let start = Instant::now();
        let verdict = mutant.try_on(&scratch)?;
        let seconds = start.elapsed().as_secs();
        let (name, model) = (&mutant.name, &mutant.model);
        let (word, how) = match &verdict {
            Verdict::Caught(panic) => ("caught", panic),
            Verdict::Survived(why) => ("SURVIVED", why),
            Verdict::Broken(why) => ("BROKEN", why),
        };
        say(&format!("{word} {name} by {model} ({seconds} s): {how}"));
        match verdict {
            Verdict::Caught(_) => passed += 1,
            _ => failed += 1,
        }
    }
    say(&format!("mutants: {passed} passed, {failed} failed"));
    Ok(failed == 0)
}

/// All mutants in a table, with the seconds that each took by what a run of them has printed.
fn table(mutants: &[Mutant], log: &str) -> String {
    let seconds: BTreeMap<&str, &str> = log.lines().filter_map(caught).collect();
    let mut rows: Vec<(&Path, String)> = Vec::new();
    for mutant in mutants {
        let seconds = seconds.get(mutant.name.as_str()).unwrap_or(&"");
        rows.push((&mutant.file, format!("{} {seconds} |\n", mutant.row())));
    }
    rows.sort();
    let rows: String = rows.into_iter().map(|(_, row)| row).collect();
    format!(
        "| bug | file | what is weakened | model that fails | seconds |\n|---|---|---|---|--:|\n{rows}"
    )
}

/// The name and the seconds, of a line that says that a mutant was caught.
fn caught(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.strip_prefix("caught ")?.split_once(" by ")?;
    let (seconds, _) = rest.split_once(" (")?.1.split_once(" s): ")?;
    Some((name, seconds))
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().expect("stdout takes it");
}

/// Runs the models on the copy as it is: one that fails there would "catch" anything.
fn baseline(scratch: &Scratch, mutants: &[Mutant]) -> Result<bool> {
    let models: BTreeSet<&Model> = mutants.iter().map(|m| &m.model).collect();
    let mut all_pass = true;
    for model in models {
        let start = Instant::now();
        let outcome = match scratch.build(model)? {
            Ok(program) => scratch.test(&program, model, None)?,
            Err(errors) => Outcome::NotRun(format!("does not compile\n{errors}")),
        };
        let seconds = start.elapsed().as_secs();
        if let Outcome::Passed = outcome {
            say(&format!("{model} passes without a mutant ({seconds} s)"));
        } else {
            say(&format!("FAILED without any mutant: {model}: {outcome:?}"));
            all_pass = false;
        }
    }
    Ok(all_pass)
}

/// A test of loom-tests, written `binary::test`; or one of the project's own, which is no model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Model {
    /// Whether it is a test of the project's own: built without loom, with all features.
    is_plain: bool,
    /// What it is built with: first, so that what is built alike stands together.
    cfg: Option<String>,
    binary: String,
    test: String,
}

impl std::fmt::Display for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = if self.is_plain { "tests/" } else { "" };
        write!(f, "{place}{}::{}", self.binary, self.test)?;
        match &self.cfg {
            Some(cfg) => write!(f, " with {cfg}"),
            None => Ok(()),
        }
    }
}

/// One seeded bug.
#[derive(Debug, PartialEq, Eq)]
struct Mutant {
    name: String,
    /// Relative to the project's root.
    file: PathBuf,
    model: Model,
    /// What is wrong, and what comes of it.
    why: String,
    /// A part of what the model has to say.
    message: Option<String>,
    /// Whether it is one of those that every change is checked with.
    quick: bool,
    edits: Vec<(String, String)>,
}

fn read_all(folder: &Path) -> Result<Vec<Mutant>> {
    let mut mutants = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))? {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new("mutant")) {
            let name = path.file_stem().expect("it has an extension");
            let mutant = Mutant::parse(&name.to_string_lossy(), &fs::read_to_string(&path)?);
            mutants.push(mutant.map_err(|e| format!("{}: {e}", path.display()))?);
        }
    }
    // Those that are built alike stand together: less is built again.
    mutants.sort_by(|a, b| a.place().cmp(&b.place()));
    Ok(mutants)
}

impl Mutant {
    fn place(&self) -> impl Ord {
        (self.model.is_plain, &self.model.cfg, &self.file, &self.name)
    }

    fn parse(name: &str, text: &str) -> std::result::Result<Mutant, String> {
        let mut fields = BTreeMap::new();
        let mut parts: Vec<(&str, Vec<&str>)> = Vec::new();
        let mut why: Vec<&str> = Vec::new();
        for line in text.lines() {
            match (line.strip_prefix("--- "), parts.last_mut()) {
                (Some(mark), _) => parts.push((mark, Vec::new())),
                (None, Some((_, lines))) => lines.push(line),
                (None, None) if line.is_empty() => (),
                (None, None) if line.starts_with('#') => why.push(line[1..].trim()),
                (None, None) => {
                    let (field, value) = line.split_once(':').unwrap_or((line, ""));
                    if !["file", "model", "test", "cfg", "message", "quick"].contains(&field) {
                        return Err(format!("what is `{field}`?"));
                    }
                    fields.insert(field, value.trim());
                }
            }
        }
        if why.is_empty() {
            return Err("say in a line that starts with # what is wrong".into());
        }
        match parts.pop() {
            Some(("end", rest)) if rest.iter().all(|line| line.is_empty()) => (),
            _ => return Err("it has to end with `--- end`".into()),
        }
        let mut edits = Vec::new();
        for pair in parts.chunks(2) {
            match pair {
                [("from", from), ("to", to)] if !from.is_empty() => {
                    edits.push((from.join("\n"), to.join("\n")));
                }
                _ => return Err("every `--- from`, with text, needs its `--- to`".into()),
            }
        }
        if edits.is_empty() {
            return Err("it changes nothing".into());
        }
        let field = |name| fields.get(name).ok_or(format!("`{name}:` is missing"));
        let is_plain = fields.contains_key("test");
        let model = field(if is_plain { "test" } else { "model" })?;
        let Some((binary, test)) = model.split_once("::") else {
            return Err(format!("the model {model} is not written `binary::test`"));
        };
        Ok(Mutant {
            name: name.into(),
            file: field("file")?.into(),
            model: Model {
                is_plain,
                cfg: fields.get("cfg").map(|cfg| cfg.to_string()),
                binary: binary.into(),
                test: test.into(),
            },
            why: why.join(" "),
            message: fields.get("message").map(|text| text.to_string()),
            quick: fields.contains_key("quick"),
            edits,
        })
    }

    /// Its row of the table, up to the seconds.
    fn row(&self) -> String {
        let Mutant {
            name, why, model, ..
        } = self;
        let (file, why) = (self.file.display(), why.replace('|', "\\|"));
        format!("| `{name}` | `{file}` | {why} | `{model}` |")
    }

    /// The text with the bug in it.
    fn apply(&self, text: &str) -> std::result::Result<String, String> {
        let mut text = text.to_string();
        for (from, to) in &self.edits {
            let count = text.matches(from.as_str()).count();
            if count != 1 {
                let file = self.file.display();
                return Err(format!("{count} places in {file} have this text:\n{from}"));
            }
            text = text.replace(from.as_str(), to);
        }
        Ok(text)
    }

    /// Plants the bug, runs the model, takes the bug out again.
    fn try_on(&self, scratch: &Scratch) -> Result<Verdict> {
        let path = scratch.project.join(&self.file);
        let right = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => return Ok(Verdict::Broken(format!("{}: {error}", path.display()))),
        };
        let wrong = match self.apply(&right) {
            Ok(text) => text,
            Err(why) => return Ok(Verdict::Broken(why)),
        };
        fs::write(&path, wrong)?;
        let outcome = match scratch.build(&self.model) {
            Ok(Ok(program)) => scratch.test(&program, &self.model, Some(scratch.limit)),
            Ok(Err(errors)) => Ok(Outcome::NotRun(format!("it does not compile\n{errors}"))),
            Err(error) => Err(error),
        };
        fs::write(&path, right)?;
        Ok(match outcome? {
            Outcome::Passed => Verdict::Survived("the model passes".into()),
            Outcome::CutOff(how) => Verdict::Survived(how),
            Outcome::NotRun(why) => Verdict::Broken(why),
            Outcome::Failed { panic, output } => match &self.message {
                Some(message) if !output.contains(message) => {
                    Verdict::Survived(format!("it fails, but not with `{message}`: {panic}"))
                }
                _ => Verdict::Caught(panic),
            },
        })
    }
}

/// What is to be said of a mutant.
enum Verdict {
    /// With what the model said as it failed.
    Caught(String),
    Survived(String),
    /// The mutant itself is no good.
    Broken(String),
}

/// How a model ended.
#[derive(Debug)]
enum Outcome {
    Passed,
    Failed {
        panic: String,
        output: String,
    },
    /// By the time limit: it has shown nothing.
    CutOff(String),
    NotRun(String),
}

/// The copy of the project that bugs are planted in. It is kept, and only what differs is copied
/// anew, so that cargo builds nothing twice.
struct Scratch {
    project: PathBuf,
    output: PathBuf,
    /// Where tests of the project's own are built.
    target: PathBuf,
    limit: Duration,
}

impl Scratch {
    fn copy_of(project: &Path) -> Result<Scratch> {
        let target = std::env::var("CARGO_TARGET_DIR").map_err(|_| "start me by `run mutants`")?;
        let folder = Path::new(&target).join("mutants");
        let seconds = match std::env::var("LOOM_TESTS_SECONDS") {
            Ok(seconds) => seconds.parse()?,
            Err(_) => 120,
        };
        let scratch = Scratch {
            project: folder.join("project"),
            output: folder.join("output"),
            target: folder.join("target"),
            limit: Duration::from_secs(seconds),
        };
        mirror(project, &scratch.project)?;
        Ok(scratch)
    }

    /// Builds a model's test binary: the program, or what the compiler says against it.
    fn build(&self, model: &Model) -> Result<std::result::Result<PathBuf, String>> {
        let binary = &model.binary;
        let mut flags = std::env::var("RUSTFLAGS").unwrap_or_default();
        if let Some(cfg) = &model.cfg {
            flags += &format!(" --cfg {cfg}");
        }
        let mut build = if model.is_plain {
            let mut build = Command::new("cargo");
            build.args(["test", "--quiet", "--all-features", "--no-run"]);
            build.arg("--manifest-path");
            build.arg(self.project.join("Cargo.toml"));
            build.env("CARGO_TARGET_DIR", &self.target);
            build
        } else {
            let mut build = Command::new("bash");
            build.arg(self.project.join("loom-tests/run"));
            build.args(["cargo", "test", "--quiet", "--profile", "loom", "--no-run"]);
            build
        };
        let build = build
            .env("RUSTFLAGS", flags)
            .args(["--message-format=json-render-diagnostics", "--test", binary])
            .stdin(Stdio::null())
            .output()?;
        if !build.status.success() {
            return Ok(Err(String::from_utf8_lossy(&build.stderr).into_owned()));
        }
        // One JSON object a line; that of a program to run has its path in `executable`.
        let name = format!(r#""name":"{binary}""#);
        let messages = String::from_utf8(build.stdout)?;
        let artifact = messages
            .lines()
            .filter(|line| line.contains(r#""kind":["test"]"#) && line.contains(&name))
            .find_map(|line| line.split_once(r#""executable":""#)?.1.split('"').next())
            .ok_or("cargo does not say what it has built")?;
        Ok(Ok(artifact.into()))
    }

    /// Runs one test, and nothing else, of a built program.
    fn test(&self, program: &Path, model: &Model, limit: Option<Duration>) -> Result<Outcome> {
        let output = File::create(&self.output)?;
        let mut command = Command::new(program);
        command
            .args(["--exact", &model.test, "--include-ignored"])
            .args(["--nocapture", "--test-threads=1"])
            .current_dir(self.project.join("loom-tests"))
            .env_remove("LOOM_TESTS_FULL")
            .env_remove("LOOM_TESTS_SECONDS")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        if let Some(limit) = limit {
            command.env("LOOM_TESTS_SECONDS", limit.as_secs().to_string());
        }
        let mut child = command.spawn()?;
        let start = Instant::now();
        // The driver keeps the limit between executions; this is for one that never ends.
        let last = limit.map(|limit| limit + Duration::from_secs(30));
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if last.is_some_and(|last| start.elapsed() > last) {
                child.kill()?;
                child.wait()?;
                return Ok(Outcome::CutOff("an execution does not end".into()));
            }
            std::thread::sleep(Duration::from_millis(20));
        };

        let output = String::from_utf8_lossy(&fs::read(&self.output)?).into_owned();
        Ok(if !output.contains("running 1 test\n") {
            Outcome::NotRun(format!("there is no model {model}"))
        } else if status.success() {
            Outcome::Passed
        } else if let Some(start) = output.find(loom_tests::CUT_OFF) {
            Outcome::CutOff(first_line(&output[start..]))
        } else if let Some(start) = output.find("panicked at ") {
            // The first line says where, the next one what.
            let panic = output[start..]
                .split_once('\n')
                .map_or("", |(_, what)| what);
            let panic = first_line(panic);
            Outcome::Failed { panic, output }
        } else if model.is_plain {
            // Freed memory is overwritten there, so that who follows it dies.
            let panic = format!("it died: {status}");
            Outcome::Failed { panic, output }
        } else {
            Outcome::NotRun(format!("it died without a panic: {status}"))
        })
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_string()
}

/// Makes `to` like `from`, without build artifacts and hidden files. What is equal is not touched,
/// so that its time of change stays.
fn mirror(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == "target" || name == "fuzz" || name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let (source, copy) = (entry.path(), to.join(&name));
        if entry.file_type()?.is_dir() {
            mirror(&source, &copy)?;
        } else {
            let text = fs::read(&source)?;
            if fs::read(&copy).ok().as_ref() != Some(&text) {
                fs::write(&copy, text)?;
            }
        }
        names.insert(name);
    }
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if !names.contains(&entry.file_name()) {
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# Why.\nfile: a.rs\nmodel: list::deep::one\ncfg: few\nquick\n\
        --- from\n  one\n  two\n--- to\n  two\n\n--- from\nx\n--- to\n--- end\n";

    #[test]
    fn reads_all_parts() {
        let mutant = Mutant::parse("name", GOOD).unwrap();
        assert_eq!(mutant.model.to_string(), "list::deep::one with few");
        assert_eq!((mutant.model.binary.as_str(), mutant.quick), ("list", true));
        let plain = Mutant::parse("name", &GOOD.replace("model:", "test:")).unwrap();
        assert_eq!(plain.model.to_string(), "tests/list::deep::one with few");
        let edit = |from: &str, to: &str| (from.to_string(), to.to_string());
        assert_eq!(
            mutant.edits,
            [edit("  one\n  two", "  two\n"), edit("x", "")]
        );
    }

    #[test]
    fn refuses_what_is_incomplete() {
        for (remove, complaint) in [
            ("# Why.\n", "what is wrong"),
            ("file: a.rs\n", "`file:` is missing"),
            ("model: list::deep::one\n", "`model:` is missing"),
            ("--- end\n", "end with"),
            ("--- to\n--- end\n", "end with"),
            ("  one\n  two\n", "with text"),
            ("--- to\n  two\n\n", "needs its `--- to`"),
        ] {
            let error = Mutant::parse("name", &GOOD.replace(remove, "")).unwrap_err();
            assert!(error.contains(complaint), "{remove:?}: {error}");
        }
        let error = Mutant::parse("name", &GOOD.replace("quick", "slow")).unwrap_err();
        assert_eq!(error, "what is `slow`?");
    }

    #[test]
    fn a_log_says_how_long_each_took() {
        let mutant = Mutant::parse("name", GOOD).unwrap();
        let log =
            "caught other by a::b (3 s): x\ncaught name by list::deep::one with few (7 s): y\n";
        let table = table(&[mutant], log);
        let row = "| `name` | `a.rs` | Why. | `list::deep::one with few` | 7 |";
        assert_eq!(table.lines().nth(2), Some(row));
    }

    /// `run mutants --table LOG` makes it.
    #[test]
    fn the_table_in_the_readme_is_of_these_mutants() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("mutants");
        let readme = fs::read_to_string(folder.join("README.md")).unwrap();
        let rows = readme.lines().filter(|line| line.starts_with("| `"));
        let mutants = read_all(&folder).unwrap();
        for mutant in &mutants {
            let row = mutant.row();
            assert!(readme.contains(&row), "a row is missing: {row}");
        }
        assert_eq!(rows.count(), mutants.len(), "rows of mutants that are gone");
    }

    #[test]
    fn applies_only_where_the_text_is_there_once() {
        let mutant = Mutant::parse("name", GOOD).unwrap();
        assert_eq!(mutant.apply("  one\n  two\nx").unwrap(), "  two\n\n");
        assert!(
            mutant
                .apply("  two\nx")
                .unwrap_err()
                .starts_with("0 places in a.rs")
        );
        assert!(
            mutant
                .apply("  one\n  two\nxx")
                .unwrap_err()
                .starts_with("2 places")
        );
    }
}
