//! Builds the crate for shuttle, whoever builds it.

fn main() {
    for cfg in [
        "loom",
        "splitmap_doubling",
        "splitmap_leak",
        "splitmap_strict",
        "shuttle",
    ] {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
    }
    println!("cargo::rustc-check-cfg=cfg(feature, values(\"rayon\", \"serde\"))");
    println!("cargo::rustc-cfg=shuttle");
    println!("cargo::rerun-if-changed=build.rs");
}
