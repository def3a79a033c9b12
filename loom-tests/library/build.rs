//! Builds the crate's sources for loom, without a flag.

fn main() {
    for cfg in [
        "fuzzing",
        "splitmap_boxes",
        "splitmap_doubling",
        "splitmap_leak",
        "splitmap_loom",
        "splitmap_shuttle",
        "splitmap_strict",
        "feature, values(\"crossbeam-epoch\", \"rayon\", \"seize\", \"serde\")",
    ] {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
    }
    println!("cargo::rustc-cfg=splitmap_loom");
    println!("cargo::rerun-if-changed=build.rs");
}
