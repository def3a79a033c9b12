//! Builds the crate's sources for shuttle, without a flag.

fn main() {
    for cfg in [
        "fuzzing",
        "splitmap_boxes",
        "splitmap_doubling",
        "splitmap_leak",
        "splitmap_loom",
        "splitmap_shuttle",
        "splitmap_strict",
        "feature, values(\"rayon\", \"serde\")",
    ] {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
    }
    println!("cargo::rustc-cfg=splitmap_shuttle");
    println!("cargo::rerun-if-changed=build.rs");
}
