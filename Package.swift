// swift-tools-version: 6.2
import PackageDescription

/// Settings of every Swift target. `SWITCHYARD_STRICT=1` turns warnings in our targets into errors; CI sets it.
let strict = Context.environment["SWITCHYARD_STRICT"] == "1"
let swiftSettings: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
        .enableUpcomingFeature("InferIsolatedConformances"),
        .enableUpcomingFeature("ImmutableWeakCaptures"),
        .strictMemorySafety(),
    ] + (strict ? [.treatAllWarnings(as: .error)] : [])
let cSettings: [CSetting] = strict ? [.treatAllWarnings(as: .error)] : []

let package = Package(
    name: "switchyard",
    platforms: [.macOS(.v15), .iOS(.v18), .tvOS(.v18), .watchOS(.v11), .visionOS(.v2)],
    products: [
        .library(name: "Futures", targets: ["Futures"]),
        .library(name: "Loops", targets: ["Loops"]),
        .library(name: "Greenlets", targets: ["Greenlets"]),
        .library(name: "CGreenlets", targets: ["CGreenlets", "Greenlets"]),
        .library(name: "ConversionTesting", targets: ["ConversionTesting"]),
        .library(name: "Switchyard", targets: ["Switchyard"]),
        .executable(name: "switchyard", targets: ["SwitchyardCommand"]),
        .library(name: "CallbackBridge", targets: ["CallbackBridge"]),
        .library(name: "DeferredBridge", targets: ["DeferredBridge"]),
        .library(name: "HTTPBridge", targets: ["HTTPBridge"]),
        .library(name: "QueueBridge", targets: ["QueueBridge"]),
        .library(name: "SignalBridge", targets: ["SignalBridge"]),
    ],
    targets: [
        .target(name: "CFutures", cSettings: cSettings),
        .target(name: "CSignals", cSettings: cSettings),
        .target(name: "CStackSwitch", cSettings: cSettings),
        .target(name: "CGreenlets", cSettings: cSettings),
        .executableTarget(
            name: "RuntimeProbe",
            dependencies: ["CStackSwitch", "ConversionTesting", "Futures", "Greenlets", "Loops"],
            swiftSettings: swiftSettings
        ),
        .target(name: "Futures", dependencies: ["CFutures"], swiftSettings: swiftSettings),
        .systemLibrary(
            name: "CLibevent",
            pkgConfig: "libevent",
            providers: [.apt(["libevent-dev"]), .brew(["libevent"])]
        ),
        .target(name: "Loops", dependencies: ["Futures", "CFutures", "CLibevent"], swiftSettings: swiftSettings),
        .target(
            name: "Greenlets",
            dependencies: ["CFutures", "CGreenlets", "CStackSwitch", "Futures", "Loops"],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "ConversionTesting",
            dependencies: ["Futures", "CFutures", "Loops"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "LoopsTests",
            dependencies: ["Futures", "CFutures", "CLibevent", "Loops", "ConversionTesting"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "ConversionTestingTests",
            dependencies: ["Futures", "Loops", "ConversionTesting"],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "CallbackBridge",
            dependencies: ["Futures"],
            path: "Bridges/CallbackBridge",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "CallbackBridgeTests",
            dependencies: ["CallbackBridge", "Futures", "ConversionTesting"],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "DeferredBridge",
            dependencies: ["Futures"],
            path: "Bridges/DeferredBridge",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "DeferredBridgeTests",
            dependencies: ["CFutures", "DeferredBridge", "Futures", "Greenlets", "Loops", "ConversionTesting"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "FuturesTests",
            dependencies: ["Futures", "CFutures", "ConversionTesting"],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "QueueBridge",
            dependencies: ["Futures"],
            path: "Bridges/QueueBridge",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "QueueBridgeTests",
            dependencies: ["QueueBridge", "ConversionTesting", "Futures", "Greenlets", "Loops"],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "SignalBridge",
            dependencies: ["CSignals", "Futures", "Greenlets", "Loops"],
            path: "Bridges/SignalBridge",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "SignalBridgeTests",
            dependencies: [
                "CSignals", "ConversionTesting", "Futures", "Greenlets", "Loops", "QueueBridge", "SignalBridge",
            ],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "HTTPBridge",
            dependencies: ["CLibevent", "Futures", "Greenlets", "Loops"],
            path: "Bridges/HTTPBridge",
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "HTTPBridgeTests",
            dependencies: ["HTTPBridge", "Futures", "Greenlets", "Loops", "ConversionTesting"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "GreenletsTests",
            dependencies: [
                "CFiberClient", "CFutures", "CStackSwitch", "Futures", "Loops", "Greenlets", "ConversionTesting",
            ],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "Switchyard",
            dependencies: [
                "CallbackBridge", "DeferredBridge", "Futures", "Greenlets", "HTTPBridge", "Loops", "QueueBridge",
                "SignalBridge",
            ],
            swiftSettings: swiftSettings
        ),
        .target(
            name: "InteropMatrix",
            dependencies: [
                "CallbackBridge", "ConversionTesting", "DeferredBridge", "Futures", "Greenlets", "Loops", "QueueBridge",
                "SignalBridge",
            ],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "InteropMatrixTests",
            dependencies: ["InteropMatrix"],
            swiftSettings: swiftSettings
        ),
        .target(name: "CLegacyFetch", dependencies: ["CLibevent"], cSettings: cSettings),
        .executableTarget(
            name: "SwitchyardCommand",
            dependencies: ["CLegacyFetch", "Futures", "InteropMatrix", "Loops", "Switchyard"],
            swiftSettings: swiftSettings
        ),
        .testTarget(
            name: "SwitchyardCommandTests",
            dependencies: ["Switchyard", "SwitchyardCommand"],
            swiftSettings: swiftSettings
        ),
        .target(name: "SwitchyardGuide", path: "Docs/Guide", swiftSettings: swiftSettings),
        .target(name: "CFiberClient", dependencies: ["CGreenlets"], path: "Tests/CFiberClient", cSettings: cSettings),
        .target(name: "CxxThrower", path: "Tests/CxxThrower"),
        .testTarget(
            name: "CStackSwitchTests",
            dependencies: ["CStackSwitch", "CxxThrower", "RuntimeProbe"],
            exclude: ["pingpong"],
            swiftSettings: swiftSettings
        ),
    ]
)
