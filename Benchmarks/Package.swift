// swift-tools-version: 6.2
import PackageDescription

// A package of its own, so that nobody who uses the library builds it. `Scripts/bench` is how it is run.
// The trait `Peers` adds the rows that need other packages; without it nothing is fetched.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

let package = Package(
    name: "switchyard-benchmarks",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "switchyard-bench", targets: ["SwitchyardBench"]),
        .executable(name: "swift-peers", targets: ["SwiftPeers"]),
        .executable(name: "switchyard-stress", targets: ["SwitchyardStress"]),
        .library(name: "MallocCount", type: .dynamic, targets: ["CMallocCount"]),
    ],
    traits: [.trait(name: "Peers", description: "Build the rows of swift-peers that need other packages.")],
    dependencies: [
        .package(name: "switchyard", path: "../"),
        .package(url: "https://github.com/apple/swift-nio.git", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-async-algorithms.git", exact: "1.1.4"),
    ],
    targets: [
        .target(name: "CMallocCount"),
        .target(name: "CMeasure"),
        .target(name: "Measure", dependencies: ["CMeasure"], swiftSettings: settings),
        .executableTarget(
            name: "SwitchyardBench",
            dependencies: [
                "Measure",
                .product(name: "DeferredBridge", package: "switchyard"),
                .product(name: "Futures", package: "switchyard"),
                .product(name: "Greenlets", package: "switchyard"),
                .product(name: "HTTPBridge", package: "switchyard"),
                .product(name: "Loops", package: "switchyard"),
                .product(name: "QueueBridge", package: "switchyard"),
                .product(name: "SignalBridge", package: "switchyard"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "SwitchyardStress",
            dependencies: [
                "Measure",
                .product(name: "Futures", package: "switchyard"),
                .product(name: "Greenlets", package: "switchyard"),
                .product(name: "Loops", package: "switchyard"),
            ],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "SwiftPeers",
            dependencies: [
                "Measure",
                .product(
                    name: "AsyncAlgorithms",
                    package: "swift-async-algorithms",
                    condition: .when(traits: ["Peers"])
                ),
                .product(name: "NIOCore", package: "swift-nio", condition: .when(traits: ["Peers"])),
                .product(name: "NIOEmbedded", package: "swift-nio", condition: .when(traits: ["Peers"])),
                .product(name: "NIOPosix", package: "swift-nio", condition: .when(traits: ["Peers"])),
            ],
            swiftSettings: settings
        ),
    ]
)
