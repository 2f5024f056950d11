// swift-tools-version: 6.2
import PackageDescription

// hiredis' own pkg-config file has a flag that SwiftPM warns of; on Linux its headers are found without.
#if os(Linux)
let pkgConfig: String? = nil
#else
let pkgConfig: String? = "hiredis"
#endif

// The asynchronous API of hiredis, whose socket an IOLoop drives. Execute `run`: it installs, builds, and checks.
let package = Package(
    name: "hiredis-example",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "switchyard", path: "../.."),
        .package(name: "example-support", path: "../Support"),
    ],
    targets: [
        .systemLibrary(
            name: "CHiredis",
            pkgConfig: pkgConfig,
            providers: [.apt(["libhiredis-dev"]), .brew(["hiredis"])]
        ),
        .executableTarget(
            name: "HiredisExample",
            dependencies: [
                "CHiredis",
                .product(name: "ExampleSupport", package: "example-support"),
                .product(name: "Switchyard", package: "switchyard"),
            ]
        ),
    ]
)
