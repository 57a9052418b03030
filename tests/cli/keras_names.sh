#!/bin/sh
# What Keras's documentation calls by name is known by that name.
. "$2/tests/cli/checks.inc"
rm -rf ./*
for name in Embedding Masking LSTM GRU SimpleRNN RNN SimpleRNNCell GRUCell LSTMCell StackedRNNCells Bidirectional \
  TimeDistributed Dense Conv1D Conv2D SeparableConv1D SeparableConv2D DepthwiseConv1D DepthwiseConv2D Conv1DTranspose \
  MaxPooling1D MaxPooling2D AveragePooling1D AveragePooling2D GlobalMaxPooling1D GlobalMaxPooling2D \
  GlobalAveragePooling1D GlobalAveragePooling2D MaxPool1D AvgPool2D GlobalMaxPool1D GlobalAvgPool1D Convolution1D \
  BatchNormalization LayerNormalization GroupNormalization RMSNormalization UnitNormalization Dropout SpatialDropout1D \
  GaussianNoise GaussianDropout AlphaDropout Attention AdditiveAttention MultiHeadAttention Flatten Reshape Permute \
  RepeatVector Concatenate Add Subtract Multiply Average Maximum Minimum Dot Activation ReLU LeakyReLU ELU PReLU Softmax \
  UpSampling1D ZeroPadding1D Cropping1D CategoryEncoding StringLookup IntegerLookup Hashing TextVectorization Identity \
  Rescaling \
  relu sigmoid tanh softmax elu selu softplus softsign silu swish gelu hard_sigmoid exponential linear mish leaky_relu \
  log_softmax relu6 \
  SGD RMSprop Adam AdamW Adagrad Adadelta Adamax Nadam Lion Ftrl Lamb Adafactor Muon sgd rmsprop adam adamw lamb muon \
  ExponentialDecay CosineDecay CosineDecayRestarts PiecewiseConstantDecay PolynomialDecay InverseTimeDecay \
  BinaryCrossentropy CategoricalCrossentropy SparseCategoricalCrossentropy binary_crossentropy bce BCE crossentropy ce \
  mse MSE mean_squared_error MeanSquaredError mae MAE mape MAPE msle MSLE huber Huber log_cosh logcosh LogCosh hinge Hinge \
  squared_hinge SquaredHinge categorical_hinge CategoricalHinge kl_divergence kld KLD KLDivergence poisson Poisson \
  cosine_similarity CosineSimilarity BinaryFocalCrossentropy CategoricalFocalCrossentropy dice Dice tversky Tversky \
  ctc CTC accuracy acc BinaryAccuracy CategoricalAccuracy SparseCategoricalAccuracy TopKCategoricalAccuracy \
  SparseTopKCategoricalAccuracy Precision Recall AUC F1Score FBetaScore RootMeanSquaredError LogCoshError \
  ModelCheckpoint EarlyStopping ReduceLROnPlateau CSVLogger TerminateOnNaN LearningRateScheduler BackupAndRestore \
  zeros Zeros ones Ones Constant RandomUniform RandomNormal TruncatedNormal VarianceScaling glorot_uniform GlorotUniform \
  glorot_normal he_uniform he_normal HeNormal lecun_uniform lecun_normal orthogonal Orthogonal identity \
  L1 L2 L1L2 l1 l2 l1_l2 MaxNorm max_norm MinMaxNorm UnitNorm NonNeg; do
  expect 0 help $name
done
for name in uniform normal one zero OrthogonalInitializer IdentityInitializer; do
  echo "model m {
  input x: float[3]
  output y = x -> Dense(3, kernel_initializer = $name)
}" >named.nlm
  expect 0 check named.nlm
done
finish
