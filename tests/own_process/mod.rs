//! Tests that leave something behind run in a process of their own.

use std::process::Command;

/// Whether this is the process that a test, named by its whole path, has for itself. Else starts it,
/// and passes its failure on.
pub fn is_for(test: &str) -> bool {
    const NAME: &str = "SPLITMAP_TEST_OF_ITS_OWN";
    if std::env::var_os(NAME).is_some_and(|name| name == test) {
        return true;
    }
    let output = Command::new(std::env::current_exe().expect("a test has a file"))
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(NAME, test)
        // glibc: only its main arena gives back what is free at its end.
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .expect("a test can be started");
    let text = String::from_utf8_lossy(&output.stdout);
    let ran = text.contains("1 passed");
    assert!(
        output.status.success() && ran,
        "{test} in a process of its own: {}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    false
}
