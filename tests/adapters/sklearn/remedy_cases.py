"""Refusals of `alcore_sklearn` that print code. `tests.remedies` explains the cases, `test_remedies` beside them the names."""

from __future__ import annotations

from tests.remedies import Case

SURE = "[True, True]"  # draws are the members' own predictions, and they differ
FITTED = "shown({}.fit(x, y))"
MEANS = "shown_means({}.fit(x, numbers))"

LABELS = (
    Case("predict([Unfitted()], x)", "fit(x, y)", "shown(RandomForestClassifier().{})", SURE),
    Case("predict([Network()], x)", "fit(x, y)", "shown(RandomForestClassifier().{})", SURE),
    *(
        Case(
            f"predict({model}, x)",
            "fit(x, y[:, i])",
            "[shown(RandomForestClassifier(5).{}) for i in range(2)]",
            f"[{SURE}] * 2",
            {"y": "both"},
        )
        for model in ("[RandomForestClassifier(5).fit(x, both)]", "RandomForestClassifier(5).fit(x, both)")
    ),
    Case(
        "predict([GaussianNB().fit(x, y), GaussianNB().fit(x[::2], y[::2].astype(str))], x)",
        "fit(x, y.astype(str))",
        "shown([GaussianNB().{0}, DecisionTreeClassifier(max_depth=1).{0}])",
        SURE,
    ),
    Case("predict(RandomForestClassifier().fit(x, y * 0), x)", "fit(x, y)", "shown(RandomForestClassifier().{})", SURE),
)
QUANTILES = "[QuantileRegressor(quantile=q, alpha=0).fit(x[:40], numbers[:40]) for q in (0.1, 0.9)]"
DATA = (
    Case(
        "predict(forest_of_frame, x[x.columns[::-1]])",
        "x[model.feature_names_in_]",
        "predict(forest_of_frame, {})",
        "predict(forest_of_frame, frame)",
        {"x": "frame", "model": "forest_of_frame"},
    ),
    Case(
        "predict(of_texts, texts)",
        "numpy.asarray(texts, dtype=object)",
        "predict(of_texts, {}).mean(axis=-1)",
        "of_texts.predict_proba(texts)",
    ),
    Case(
        "predict(process, [data[:9], data[9:]], kind='mean', draws=2)",
        "batch_size=len(data)",
        "predict(process, data, kind='mean', draws=2, {})",
        "predict(process, data, kind='mean', draws=2)",
        {"data": "x[:20]"},
    ),
)
OTHERS = (
    Case("predict(KMeans(2, n_init=1).fit(x), x)", "RandomForestClassifier()", FITTED, SURE),
    Case("predict(IsolationForest(n_estimators=2).fit(x), x)", "RandomForestClassifier()", FITTED, SURE),
    Case("predict(GaussianMixture(2).fit(x), x)", "RandomForestClassifier()", FITTED, SURE),
    Case("predict(PCA(2).fit(x), x)", "make_pipeline(PCA(n_components=2), RandomForestClassifier())", FITTED, SURE),
    Case("predict(columns.fit(x), x)", "", FITTED, SURE, {"remedy": r"make_pipeline\(.*\)(?=\.$)"}),
    Case("predict(RandomForestRegressor(3).fit(x, numbers), x)", "RandomForestClassifier()", FITTED, SURE),
    Case(
        "predict(model, x)",
        "kind='mean'",
        "predict(model, x, {})[:, 0].mean(axis=1)",
        "model.predict(x)",
        {"model": "RandomForestRegressor(3).fit(x, numbers)"},
    ),
    Case("predict(RandomForestClassifier, x)", "RandomForestClassifier().fit(x, y)", "shown({})", SURE),
    Case(
        "predict(VotingClassifier, x)",
        "VotingClassifier(estimators).fit(x, y)",
        "predict({}, x)[..., 0]",
        "GaussianNB().fit(x, y).predict_proba(x)",
        {"estimators": "[('bayes', GaussianNB()), ('tree', DecisionTreeClassifier(max_depth=1))]"},
    ),
)
SEVERAL = (
    Case(
        "predict(MultiOutputClassifier(RandomForestClassifier(5)).fit(x, both), x)",
        "alcore_sklearn.predict(model.estimators_[i], x)",
        "[np.concatenate(list({})).mean(axis=-1) for i in range(2)]",
        "model.predict_proba(x)",
        {"model": "MultiOutputClassifier(RandomForestClassifier(5)).fit(x, both)"},
    ),
    Case(
        "predict(ClassifierChain(RandomForestClassifier(5)).fit(x, both), x)",
        "alcore_sklearn.predict(model.estimators_[i], x)",
        "[np.concatenate(list({})).mean(axis=-1) for i in range(2)]",
        "model.predict_proba(x)",
        {"model": "MultiOutputClassifier(RandomForestClassifier(5)).fit(x, both)"},
    ),
    Case(
        "predict(OutputCodeClassifier(logistic).fit(x, y), x)", "BaggingClassifier(LogisticRegression())", FITTED, SURE
    ),
    Case("predict(RidgeClassifier().fit(x, y), x)", "CalibratedClassifierCV(RidgeClassifier())", FITTED, SURE),
    *(
        Case(
            f"predict([{model}.fit(x, y)], x)",
            "",
            FITTED,
            SURE,
            {"remedy": r"CalibratedClassifierCV\(.*\)(?= in its place)"},
        )
        for model in ("make_pipeline(StandardScaler(), RidgeClassifier())", "OneVsRestClassifier(RidgeClassifier())")
    ),
    Case(
        "predict(GridSearchCV(forest, {'max_depth': [2]}, cv=2, refit=False).fit(x, y), x)",
        "refit=True",
        "shown(GridSearchCV(forest, {{'max_depth': [2]}}, cv=2, {}).fit(x, y))",
        SURE,
    ),
)
SAME = (
    Case(
        "predict([GradientBoostingClassifier(n_estimators=3).fit(x, y)] * 2, x)",
        "GradientBoostingClassifier(subsample=0.5, random_state=i)",
        "shown([{}.fit(x, y) for i in (0, 1, 2)])",
        SURE,
    ),
    Case(
        "predict([LGBMClassifier().fit(x, y)] * 2, x)",
        "LGBMClassifier(subsample=0.5, subsample_freq=1, random_state=i)",
        "shown([{}.fit(x, y) for i in (0, 1, 2)])",
        SURE,
    ),
    Case(
        "predict(RandomForestClassifier(3, bootstrap=False, max_features=None, max_depth=1, random_state=0).fit(x, y), x)",
        "RandomForestClassifier(bootstrap=True)",
        FITTED,
        SURE,
    ),
    Case("predict(deaf, x)", "BaggingClassifier(DecisionTreeClassifier())", FITTED, SURE),
    Case("predict(BaggingClassifier(forest, 1).fit(x, y), x)", "draws=1", "predict(forest, x, {})", "first_of(forest)"),
)
REGRESSORS = (
    Case(
        f"predict({QUANTILES}, x, kind='mean')",
        "((upper - lower) / 2.5631)**2",
        "{}",
        "0.25",  # the variance of a normal number of standard deviation 0.5, whose quantiles these are
        {"upper": "0.5 * 1.2815515655446", "lower": "-0.5 * 1.2815515655446"},
    ),
    Case(
        "predict(BayesianRidge().fit(x, numbers), x, kind='mean')",
        "draws=100",
        "predict(BayesianRidge().fit(x, numbers), x, kind='mean', {}).shape",
        "(60, 1, 100)",
    ),
    Case(
        "predict(Ridge, x, kind='mean')",
        "Ridge().fit(x, y)",
        "predict([{}], x, kind='mean')[:, 0, 0]",
        "Ridge().fit(x, y).predict(x)",
    ),
    Case(
        "predict(VotingRegressor, x, kind='mean')",
        "VotingRegressor(estimators).fit(x, y)",
        "shown_means({})",
        SURE,
        {"estimators": "[('line', Ridge()), ('tree', DecisionTreeRegressor(max_depth=1))]"},
    ),
    *(
        Case(
            f"predict({name}().fit(x, numbers), x, kind='mean')",
            code,
            use,
            SURE,
        )
        for name, way in (
            ("GradientBoostingRegressor", "subsample=0.5"),
            ("HistGradientBoostingRegressor", "max_features=0.5"),
        )
        for code, use in (
            (f"BaggingRegressor({name}())", MEANS),
            (f"{name}({way}, random_state=i)", "shown_means([{}.fit(x, numbers) for i in (0, 1, 2)])"),
        )
    ),
    Case("predict(deaf_regressor, x, kind='mean')", "BaggingRegressor(DecisionTreeRegressor())", MEANS, SURE),
    Case(
        "predict([DecisionTreeRegressor(random_state=i).fit(x, numbers) for i in (0, 0)], x, kind='mean')",
        "DecisionTreeRegressor(max_features=0.5, random_state=i)",
        "shown_means([{}.fit(x, numbers) for i in (0, 1, 2)])",
        SURE,
    ),
    Case(
        "predict(noisy, x[:20], kind='mean', draws=4)",
        "GaussianProcessRegressor(kernel, alpha=0.1)",
        "predict({}.fit(x, numbers), x[:20], kind='mean', draws=4000)[:, 0].mean(axis=1).round(1)",
        "GaussianProcessRegressor(RBF(2.0, 'fixed'), alpha=0.1).fit(x, numbers).predict(x[:20]).round(1)",
        {"kernel": "RBF(2.0, 'fixed')"},
    ),
)
OF_SKLEARN = (*LABELS, *DATA, *OTHERS, *SEVERAL, *SAME, *REGRESSORS)
